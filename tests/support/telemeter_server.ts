/**
 * A Telemeter server as a client sees one, over a real socket: it exchanges known tokens for ones of its own making, and
 * takes a push with one of those, replacing what the cluster had. It leaves out what a client cannot tell: JWTs, storage,
 * allow-lists, limits. `fault` makes it answer as a server in trouble does.
 *
 * @module
 */

import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { decodeFamilies } from "../../common/exposition/protobuf.ts";
import { Mailbox } from "./mailbox.ts";
import { unframed } from "./unframed.ts";

/** A push that was taken. */
export interface Push {
  /** The cluster whose token came with it. */
  readonly cluster: string;
  /** What it held. */
  readonly families: MetricFamily[];
}

const LIMITS = { maxFamilies: 10_000, maxSeries: 10_000, maxLabels: 100 };

/** A server on a free port of localhost. */
export class TelemeterServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #scheme: string;
  readonly #issued = new Map<string, string>();
  /** The initial tokens that it knows. */
  readonly tokens = new Set(["initial"]);
  /** The labels it gives with a token, beside `_id`. */
  labels: Record<string, string> = {};
  /** How long its tokens last. */
  expiresInSeconds = 86_400;
  /** What each cluster sent last. */
  readonly clusters = new Map<string, MetricFamily[]>();
  /** The pushes it took, for a test to wait for. */
  readonly pushes = new Mailbox<Push>();
  /** The paths and queries asked for so far. */
  readonly asked: string[] = [];
  /** Answers in its place; undefined leaves the request to it. */
  fault: ((request: Request) => Response | Promise<Response> | undefined) | undefined;

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

  /** Takes no token that it issued before. */
  revoke(): void {
    this.#issued.clear();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search, searchParams } = new URL(request.url);
    this.asked.push(pathname + search);
    const answer = this.fault?.(request);
    if (answer) return await answer;
    const token = request.headers.get("authorization")?.replace(/^Bearer /, "") ?? "";
    if (request.method !== "POST") return new Response("only POST", { status: 405 });
    if (pathname === "/authorize") return this.#authorize(token, searchParams.get("id"));
    if (pathname === "/upload") return this.#upload(token, request);
    return new Response("no such page", { status: 404 });
  }

  #authorize(token: string, id: string | null): Response {
    if (!this.tokens.has(token)) return new Response("unknown token", { status: 401 });
    if (!id) return new Response("no id", { status: 400 });
    const issued = `issued-${this.#issued.size}-${crypto.randomUUID()}`;
    this.#issued.set(issued, id);
    const labels = { _id: id, ...this.labels };
    return Response.json({ version: 1, token: issued, expiresInSeconds: this.expiresInSeconds, labels });
  }

  async #upload(token: string, request: Request): Promise<Response> {
    const cluster = this.#issued.get(token);
    if (cluster === undefined) return new Response("unknown token", { status: 401 });
    const type = request.headers.get("content-type");
    if (
      type !== "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited" ||
      request.headers.get("content-encoding") !== "snappy"
    ) return new Response("no delimited protobuf in framed snappy", { status: 415 });
    const raw = unframed(await request.bytes(), { limitBytes: 1_000_000 });
    const families = decodeFamilies(raw, LIMITS);
    this.clusters.set(cluster, families);
    this.pushes.put({ cluster, families });
    return new Response(null, { status: 200 });
  }

  /** Stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
