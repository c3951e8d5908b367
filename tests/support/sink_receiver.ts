/**
 * A receiver of remote write that answers as it is told and keeps what it took: a sink for tests.
 *
 * @module
 */

import type { WriteVersion } from "../../common/remote_write/write_fields.ts";
import { decodeWriteRequest, type ReadSeries } from "./write_request_oracle.ts";

/** A request that came. */
export interface SinkVisit {
  /** The version that its headers say. */
  readonly version: WriteVersion;
  /** Its series. */
  readonly series: readonly ReadSeries[];
  /** Its headers. */
  readonly headers: Headers;
  /** When it came, in milliseconds. */
  readonly atMs: number;
}

/** What a receiver answers. */
export type SinkAnswer = (visit: SinkVisit) => Response | Promise<Response>;

/** Takes all of either version, as Prometheus 3 does. */
export const takesAll: SinkAnswer = ({ series }) =>
  new Response(null, {
    status: 204,
    headers: { "x-prometheus-remote-write-samples-written": String(series.length) },
  });

/** Takes what it can read of version 1.0, and is content with what it cannot. */
export const takesFirst: SinkAnswer = () => new Response(null, { status: 204 });

/** Listens until it is disposed of. */
export class SinkReceiver implements AsyncDisposable {
  /** What came, in its order. */
  readonly visits: SinkVisit[] = [];
  /** What it answers from now on. */
  answer: SinkAnswer = takesAll;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #waiting: (() => void)[] = [];

  /** Listens at a free port, or at one that was free. */
  constructor({ port = 0 }: { port?: number } = {}) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, async (request) => {
      const version = request.headers.get("content-type")?.includes("v2") ? "2.0" : "1.0";
      const series = decodeWriteRequest(await request.bytes(), version);
      const visit: SinkVisit = { version, series, headers: request.headers, atMs: performance.now() };
      this.visits.push(visit);
      for (const look of this.#waiting) look();
      return await this.answer(visit);
    });
  }

  /** Where it listens. */
  get url(): URL {
    return new URL(`http://127.0.0.1:${this.#server.addr.port}/api/v1/write`);
  }

  /** Resolves once what came is as wanted. */
  async until(isThere: (visits: readonly SinkVisit[]) => boolean): Promise<void> {
    if (isThere(this.visits)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => isThere(this.visits) && resolve();
    this.#waiting.push(look);
    await promise;
    this.#waiting = this.#waiting.filter((other) => other !== look);
  }

  /** Stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
