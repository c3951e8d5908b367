/**
 * A Deno KV in memory that speaks KV Connect version 3, as far as the store uses it: the exchange of metadata, reads of
 * ranges, and atomic sets and deletes. No checks, sums, queues, watches or expiry.
 *
 * The messages are those of `datapath.proto` in denoland/denokv.
 *
 * @module
 */

import protobuf from "protobufjs";

const { root } = protobuf.parse(
  `
  syntax = "proto3";
  message SnapshotRead { repeated ReadRange ranges = 1; }
  message ReadRange { bytes start = 1; bytes end = 2; int32 limit = 3; bool reverse = 4; }
  message SnapshotReadOutput {
    repeated ReadRangeOutput ranges = 1;
    bool read_is_strongly_consistent = 4;
    int32 status = 8;
  }
  message ReadRangeOutput { repeated KvEntry values = 1; }
  message KvEntry { bytes key = 1; bytes value = 2; int32 encoding = 3; bytes versionstamp = 4; }
  message AtomicWrite { repeated Mutation mutations = 2; }
  message Mutation { bytes key = 1; KvValue value = 2; int32 mutation_type = 3; }
  message KvValue { bytes data = 1; int32 encoding = 2; }
  message AtomicWriteOutput { int32 status = 1; bytes versionstamp = 2; }
`,
  { keepCase: true },
);

const SUCCESS = 1;
const SET = 1;

interface Stored {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly encoding: number;
}

/** What becomes of a request: answered, applied but answered with an error, or left without an answer. */
export type Behaviour = "answer" | "apply and fail" | "fail" | "hang";

/** The server; it listens on a free port of this host. */
export class KvConnectServer implements AsyncDisposable {
  /** What becomes of writes. */
  writes: Behaviour = "answer";
  /** The access tokens that came. */
  readonly tokens = new Set<string | null>();
  readonly #accessToken: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #rows = new Map<string, Stored>();
  readonly #hanging: (() => void)[] = [];

  /** Starts it; only the given token is let in. */
  constructor(accessToken: string) {
    this.#accessToken = accessToken;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#handle(request),
    );
  }

  /** Its KV Connect URL. */
  get url(): URL {
    return new URL(`http://127.0.0.1:${this.#server.addr.port}/`);
  }

  /** How many keys it holds. */
  get size(): number {
    return this.#rows.size;
  }

  /** Answers the writes that hang, and applies them. */
  release(): void {
    for (const answer of this.#hanging.splice(0)) answer();
  }

  /** Stops it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await this.#server.shutdown();
  }

  async #handle(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const body = new Uint8Array(await request.arrayBuffer());
    if (pathname === "/") return this.#metadata(request);
    if (pathname === "/data/snapshot_read") return this.#read(body);
    if (pathname === "/data/atomic_write") return await this.#write(body);
    return new Response("No such path", { status: 404 });
  }

  #metadata(request: Request): Response {
    const token = request.headers.get("authorization");
    this.tokens.add(token);
    if (token !== `Bearer ${this.#accessToken}`) return new Response("Bad token", { status: 401 });
    return Response.json({
      version: 3,
      databaseId: "00000000-0000-4000-8000-000000000000",
      endpoints: [{ url: "/data", consistency: "strong" }],
      token: "data path token",
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    });
  }

  #read(body: Uint8Array): Response {
    // deno-lint-ignore no-explicit-any
    const { ranges } = root.lookupType("SnapshotRead").decode(body) as any;
    // deno-lint-ignore no-explicit-any
    const outputs = ranges.map(({ start, end, limit, reverse }: any) => {
      const [from, to] = [toHex(start), toHex(end)];
      const keys = [...this.#rows.keys()].filter((key) => key >= from && key < to).sort();
      if (reverse) keys.reverse();
      const values = keys.slice(0, limit).map((key) => ({ ...this.#rows.get(key)!, versionstamp: new Uint8Array(10) }));
      return { values };
    });
    return answer("SnapshotReadOutput", { ranges: outputs, read_is_strongly_consistent: true, status: SUCCESS });
  }

  async #write(body: Uint8Array): Promise<Response> {
    const behaviour = this.writes;
    if (behaviour === "hang") await new Promise<void>((resolve) => this.#hanging.push(resolve));
    // A client error is final: what the server gets wrong is tried for ever.
    if (behaviour === "fail") return new Response("Refused", { status: 400 });
    // deno-lint-ignore no-explicit-any
    const { mutations } = root.lookupType("AtomicWrite").decode(body) as any;
    for (const { key, value, mutation_type } of mutations) {
      if (mutation_type === SET) {
        this.#rows.set(toHex(key), { key: key.slice(), value: value.data.slice(), encoding: value.encoding });
      } else this.#rows.delete(toHex(key));
    }
    if (behaviour === "apply and fail") return new Response("Lost", { status: 400 });
    return answer("AtomicWriteOutput", { status: SUCCESS, versionstamp: new Uint8Array(10) });
  }
}

function answer(type: string, message: Record<string, unknown>): Response {
  const bytes = root.lookupType(type).encode(message).finish();
  return new Response(bytes.slice(), { headers: { "content-type": "application/x-protobuf" } });
}

function toHex(bytes: Uint8Array): string {
  return new Uint8Array(bytes).toHex();
}
