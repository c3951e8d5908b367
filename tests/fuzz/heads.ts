/**
 * The listener that strangers reach as a target of the fuzzer, over real sockets: what comes back is responses or the end of the
 * connection, never a 500, and no bytes are a request to it that are none to a strict reader, or to node's own server.
 *
 * @module
 */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { readBody } from "../../common/http/http.ts";
import { listen } from "../../common/http/http_server.ts";
import type { Listener } from "../../common/http/listener.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../support/random.ts";
import type { Earlier, FuzzTarget } from "./fuzz_target.ts";
import { generateHeads, type HeadsInput } from "./generate_heads.ts";
import { readParts, writeParts } from "./input_file.ts";
import { type StrictRequest, strictRequests } from "./strict_requests.ts";
import { strictResponses } from "./strict_responses.ts";
import type { Finding, Verdict } from "./verdict.ts";

/** What the head of a request may have. */
const MAX_HEADER_BYTES = 16_384;
/** What a body may have. */
const LIMIT_BYTES = 65_536;
/** How long a connection may last whose client has said all that it has to say. */
const PATIENCE_MS = 5_000;
const SILENT = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Logger;

interface Seen {
  readonly method: string;
  readonly url: string;
  body?: string;
}

/** The target. */
export class Heads implements FuzzTarget<HeadsInput> {
  readonly #listener: Listener;
  readonly #bare: Server;
  readonly #seen: Seen[];
  readonly #seenByBare: Seen[];

  private constructor(
    listener: Listener,
    { bare, seen, seenByBare }: { bare: Server; seen: Seen[]; seenByBare: Seen[] },
  ) {
    this.#listener = listener;
    this.#bare = bare;
    this.#seen = seen;
    this.#seenByBare = seenByBare;
  }

  /** Listens, as the server does and as node does by itself. */
  static async open(): Promise<Heads> {
    const seen: Seen[] = [], seenByBare: Seen[] = [];
    const hostile = { lingerMs: 20, maxHeaderBytes: MAX_HEADER_BYTES };
    const address = { hostname: "127.0.0.1", port: 0 };
    const listener = await listen(async (request) => {
      const { method, url } = request;
      const one: Seen = { method, url };
      seen.push(one);
      one.body = textOf(await readBody(request, { limitBytes: LIMIT_BYTES }));
      return new Response("seen\n");
    }, { address, hostile, log: SILENT });
    const bare = createServer({ maxHeaderSize: MAX_HEADER_BYTES, requireHostHeader: false }, (message, response) => {
      seenByBare.push({ method: message.method!, url: message.url! });
      message.resume();
      response.end("seen\n");
    });
    await new Promise<void>((resolve) => bare.listen(0, "127.0.0.1", resolve));
    return new Heads(listener, { bare, seen, seenByBare });
  }

  /** Makes requests. */
  generate(random: Random, earlier: Earlier<HeadsInput>): HeadsInput {
    return generateHeads(random, earlier);
  }

  /** Sends them to both. */
  async check(input: HeadsInput): Promise<Verdict<HeadsInput>> {
    this.#seen.length = this.#seenByBare.length = 0;
    const [answer] = await Promise.all([
      converse(this.#listener.port, input),
      converse((this.#bare.address() as AddressInfo).port, input),
    ]);
    const seen = [...this.#seen], strict = strictRequests(input.bytes);
    const methods = strict.map(({ method }) => method);
    const { statuses, fault } = strictResponses(answer.text, { methods, broken: answer.broken });
    const finding = answer.timedOut
      ? { what: "a connection is kept that has nothing to say", detail: answer.text }
      : fault !== undefined
      ? { what: "what comes back is no response", detail: fault }
      : statuses.some((status) => status >= 500 && status !== 501 && status !== 505)
      ? { what: "a head ends in a 500", detail: answer.text }
      : this.#smuggled(seen, strict);
    return {
      answer: statuses.length === 0 ? "closed" : statuses.join("+").slice(0, 15),
      accepted: seen.length > 0,
      feature: `${statuses} ${seen.map(({ method, body }) => `${method} ${body?.length}`)} ${
        /Cannot [^\r\n]*/.exec(answer.text)?.[0]
      }`,
      agrees: seen.length === strict.length,
      ...finding && { finding },
      told: { answer, seen, strict, bare: [...this.#seenByBare] },
    };
  }

  /** Requests as bytes. */
  write({ bytes, cuts }: HeadsInput): Uint8Array {
    return writeParts({ cuts }, [bytes]);
  }

  /** Bytes as requests. */
  read(file: Uint8Array): HeadsInput {
    const { fields: { cuts }, parts: [bytes] } = readParts(file);
    return { bytes, cuts: cuts as number[] };
  }

  /** Ends both. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener[Symbol.asyncDispose]();
    this.#bare.closeAllConnections();
    await new Promise((resolve) => this.#bare.close(resolve));
  }

  /** Every request that was seen must be one to both other readers, in the same order; between them are those that were refused. */
  #smuggled(seen: readonly Seen[], strict: readonly StrictRequest[]): Finding | undefined {
    const detail = JSON.stringify({ seen, strict, bare: this.#seenByBare });
    let at = 0, atOfBare = 0;
    for (const { method, url, body } of seen) {
      const isIt = (other: { method: string }, target: string) => other.method === method && pathOf(target) === url;
      // Those before it that only look alike were refused.
      const isWhole = (one: StrictRequest) => isIt(one, one.target) && (body === undefined || body === one.body);
      const found = strict.findIndex((one, place) => place >= at && isWhole(one));
      if (found === -1) {
        const looksAlike = strict.slice(at).some((one) => isIt(one, one.target));
        return { what: looksAlike ? "a request ends elsewhere" : "bytes are a request that are none", detail };
      }
      at = found;
      at++;
      while (atOfBare < this.#seenByBare.length && !isIt(this.#seenByBare[atOfBare], this.#seenByBare[atOfBare].url)) {
        atOfBare++;
      }
      if (atOfBare++ === this.#seenByBare.length) return { what: "node's own server is stricter", detail };
    }
    return undefined;
  }
}

function pathOf(target: string): string {
  const path = target.startsWith("/") ? target : target === "*" ? "/*" : target.replace(/^https?:\/\/[^/?#]*/i, "");
  return `http://localhost${path.startsWith("/") ? path : `/${path}`}`;
}

function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

interface Answer {
  readonly text: string;
  /** Whether it did not end in good order. */
  readonly broken: boolean;
  readonly timedOut: boolean;
}

/** Says everything, and listens until the other end hangs up. */
async function converse(port: number, { bytes, cuts }: HeadsInput): Promise<Answer> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let timedOut = false, broken = false, text = "";
  const timer = setTimeout(() => {
    timedOut = true;
    connection.close();
  }, PATIENCE_MS);
  const speak = async () => {
    for (const [index, end] of [...cuts, bytes.length].entries()) {
      for (let at = cuts[index - 1] ?? 0; at < end;) at += await connection.write(bytes.subarray(at, end));
    }
    await connection.closeWrite();
  };
  const hear = async () => {
    const buffer = new Uint8Array(65_536);
    for (let count = await connection.read(buffer); count !== null; count = await connection.read(buffer)) {
      text += textOf(buffer.subarray(0, count));
    }
  };
  await Promise.all([speak().catch(() => {}), hear().catch(() => void (broken = true))]);
  clearTimeout(timer);
  return { text, broken, timedOut };
}
