/**
 * A Prometheus to federate from, over a real socket: it has series, wants a bearer token if told so, and answers `/federate`
 * in the format that the client prefers. It leaves out everything else: it knows no PromQL and finds series by the exact text
 * of a selector, and what it holds does not change by itself.
 *
 * @module
 */

import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { encodeFamilies, PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { formatText } from "../../common/exposition/text_format.ts";

/** A Prometheus on a free port of localhost. */
export class SourcePrometheus implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #scheme: string;
  /** The families that each selector finds. */
  readonly series = new Map<string, MetricFamily[]>([['{__name__="up"}', []]]);
  /** The token it wants, if any. */
  token: string | undefined;
  /** The formats it speaks: the old ones know no protobuf. */
  speaks: "protobuf" | "text" = "protobuf";
  /** What it answers in place of the page, for a Prometheus that is down or something else altogether. */
  fault: ((request: Request) => Response | Promise<Response>) | undefined;
  /** The `match[]` of the requests so far, one list a request. */
  readonly asked: string[][] = [];

  /** Listens at once. */
  constructor({ key, cert }: { key?: string; cert?: string } = {}) {
    this.#scheme = key && cert ? "https" : "http";
    const listen = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    const handler = (request: Request) => this.#answer(request);
    this.#server = key && cert ? Deno.serve({ ...listen, key, cert }, handler) : Deno.serve(listen, handler);
  }

  /** Where it listens. */
  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Has families found by the client's default selector, in place of those before. */
  up(...families: MetricFamily[]): this {
    this.series.set('{__name__="up"}', families);
    return this;
  }

  async #answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (this.fault) return await this.fault(request);
    if (url.pathname !== "/federate") return new Response("404 page not found\n", { status: 404 });
    if (this.token !== undefined && request.headers.get("authorization") !== `Bearer ${this.token}`) {
      return new Response("Unauthorized\n", { status: 401 });
    }
    const matches = url.searchParams.getAll("match[]");
    this.asked.push(matches);
    const families = matches.flatMap((match) => this.series.get(match) ?? []);
    const accepts = request.headers.get("accept") ?? "";
    const isProtobuf = this.speaks === "protobuf" && accepts.startsWith(PROTOBUF_CONTENT_TYPE);
    const type = isProtobuf ? PROTOBUF_CONTENT_TYPE : "text/plain; version=0.0.4; charset=utf-8";
    const body = isProtobuf ? encodeFamilies(families) : formatText(families, { timestamps: true });
    return new Response(new Uint8Array(body), { headers: { "content-type": type } });
  }

  /** Stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
