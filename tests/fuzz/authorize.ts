/**
 * `/authorize` as a target of the fuzzer: every request and every answer of the upstream ends in the status that an independent
 * reading expects, never in a 500, and no token is for another cluster than the upstream was asked about.
 *
 * @module
 */

import { stackOf } from "../../common/explain.ts";
import { asRoute, createApp } from "../../common/http/app.ts";
import { writeAbilities } from "../../common/ingest/server_abilities.ts";
import { authorizeHandler } from "../../server/authorization/authorize.ts";
import { UpstreamAuthorizer } from "../../server/authorization/authorizer.ts";
import { generateSigningKey } from "../../server/authorization/token_keys.ts";
import { TokenSigner, TokenVerifier } from "../../server/authorization/tokens.ts";
import type { Random } from "../support/random.ts";
import { type Expected, expectedOf } from "./authorize_expected.ts";
import {
  type AuthorizeInput,
  generateAuthorize,
  readAuthorize,
  UPSTREAM_SECRET,
  writeAuthorize,
} from "./authorize_input.ts";
import type { Earlier, FuzzTarget } from "./fuzz_target.ts";
import { LABELS_OF_TOKENS, openExchange, SILENT } from "./open_exchange.ts";
import { NOW_MS } from "./push_target.ts";
import type { Finding, Verdict } from "./verdict.ts";

/** The longest response that clients of openshift/telemeter read, in bytes. */
const MOST_RESPONSE_BYTES = 16_384;

interface Question {
  readonly cluster_id: string;
  readonly authorization_token: string;
}

interface Answered {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
  readonly asked: readonly Question[];
}

/** The target. */
export class Authorize implements FuzzTarget<AuthorizeInput> {
  readonly #verifier: TokenVerifier;
  readonly #app: ReturnType<typeof createApp>;
  #input: AuthorizeInput | undefined;
  #asked: Question[] = [];

  private constructor(signer: TokenSigner, verifier: TokenVerifier) {
    this.#verifier = verifier;
    const fetch = (_url: URL | RequestInfo, init?: RequestInit) => Promise.resolve(this.#upstream(init));
    const authorizer = new UpstreamAuthorizer({ url: new URL("http://upstream.invalid/"), fetch });
    const exchange = openExchange({ authorizer, signer });
    const abilities = writeAbilities({ takesAnyTimestamps: false, maxLabels: 64, maxAheadMs: 600_000, ttlMs: 600_000 });
    const authorize = authorizeHandler({ exchange, abilities });
    this.#app = createApp({ "/authorize": { name: "authorize", post: asRoute(authorize) } }, { log: SILENT });
  }

  /** Makes a key. */
  static async open(): Promise<Authorize> {
    const key = await generateSigningKey();
    return new Authorize(new TokenSigner(key), new TokenVerifier([key], { now: () => NOW_MS }));
  }

  /** Makes a request and an answer. */
  generate(random: Random, earlier: Earlier<AuthorizeInput>): AuthorizeInput {
    return generateAuthorize(random, earlier);
  }

  /** Sends a request. */
  async check(input: AuthorizeInput): Promise<Verdict<AuthorizeInput>> {
    let request: Request;
    try {
      const body = input.body.length > 0 ? { body: input.body as Uint8Array<ArrayBuffer> } : {};
      const { method, headers } = input;
      request = new Request(`http://localhost/authorize${input.query}`, { method, headers, ...body });
    } catch {
      return { answer: "no request", accepted: false, feature: "no request" };
    }
    const target = new URL(request.url), type = request.headers.get("content-type");
    // The platform knows some methods in any case.
    const expected = expectedOf({ ...input, method: request.method }, { target, type });
    const { finding, answered } = await this.#answer(input, { request, expected });
    const feature = [input.method, input.upstream, input.status, answered?.status, answered?.text.slice(0, 50)];
    return {
      answer: String(answered?.status ?? "throws"),
      accepted: answered?.status === 200,
      feature: feature.join(" ").replaceAll(/[0-9a-f-]{36}.*/g, ""),
      agrees: answered?.status === expected.status,
      ...finding && { finding },
      told: { answered, expected },
    };
  }

  /** An input as bytes. */
  write(input: AuthorizeInput): Uint8Array {
    return writeAuthorize(input);
  }

  /** Bytes as an input. */
  read(bytes: Uint8Array): AuthorizeInput {
    return readAuthorize(bytes);
  }

  async #answer(
    input: AuthorizeInput,
    { request, expected }: { request: Request; expected: Expected },
  ): Promise<{ finding?: Finding; answered?: Answered }> {
    this.#input = input;
    this.#asked = [];
    try {
      const response = await this.#app.fetch(request, { address: "127.0.0.1" });
      const { status, headers } = response;
      const answered = { status, type: headers.get("content-type"), text: await response.text(), asked: this.#asked };
      const finding = findingOf(answered, expected) ??
        (status === 200 ? await this.#token(answered, expected) : undefined);
      return { answered, ...finding && { finding } };
    } catch (error) {
      return { finding: { what: "a request ends in no answer", detail: stackOf(error) } };
    }
  }

  async #token({ text, type, asked }: Answered, expected: Expected): Promise<Finding | undefined> {
    if (expected.id === undefined) return undefined;
    const { id, token, account } = expected;
    const response = JSON.parse(text);
    const { labels, subject } = await this.#verifier.verify(response.token);
    const said = JSON.stringify([Object.fromEntries(labels), subject, response.labels, asked, type]);
    const both = { ...LABELS_OF_TOKENS, _id: id },
      question = { cluster_id: id, authorization_token: token, account_id: "" };
    const meant = JSON.stringify([both, account, both, [question], "application/json"]);
    return said === meant ? undefined : { what: "a token is for somebody else", detail: `${said}\n${meant}` };
  }

  #upstream(init: RequestInit | undefined): Response {
    this.#asked.push(JSON.parse(String(init?.body)));
    const { upstream, status, answer, answerHeaders: headers } = this.#input!;
    if (upstream === "fails") throw new TypeError(`error sending request: ${UPSTREAM_SECRET}`);
    if (status === 204) return new Response(null, { status, headers });
    // As fetched: a stream of bytes, which the platform's own of a made response is not.
    const body = new ReadableStream({
      type: "bytes",
      start: (controller) => {
        const bytes = answer.slice(0, upstream === "breaks" ? answer.length >> 1 : undefined);
        if (bytes.length > 0) controller.enqueue(bytes);
        if (upstream === "breaks") controller.error(new TypeError(`the connection was reset: ${UPSTREAM_SECRET}`));
        else controller.close();
      },
    });
    return new Response(body, { status, headers });
  }
}

function findingOf({ status, text, asked }: Answered, expected: Expected): Finding | undefined {
  if (status === 500) return { what: "a request ends in a 500", detail: text };
  if (status !== expected.status) {
    return { what: `a request ends in ${status} in place of ${expected.status}`, detail: text };
  }
  if (asked.length > 1) return { what: "the upstream is asked more than once", detail: JSON.stringify(asked) };
  if (text.length > MOST_RESPONSE_BYTES) return { what: "a response is too long", detail: String(text.length) };
  if (text.includes(UPSTREAM_SECRET) && status !== 200) return { what: "the upstream is quoted", detail: text };
  const isSentence = text.length <= 500 && /^[^\p{Cc}]*\n?$/u.test(text);
  return status === 200 || isSentence ? undefined : { what: "a refusal is not a sentence", detail: text };
}
