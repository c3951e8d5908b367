/**
 * `POST /oauth2/token` as a target of the fuzzer: every form and header ends in the status and error that an independent reading
 * expects, never in a 500, and no token is for another cluster than the authorizer was asked about.
 *
 * @module
 */

import { stackOf } from "../../common/explain.ts";
import { asRoute, createApp } from "../../common/http/app.ts";
import { createRegistry } from "../../common/metrics.ts";
import { AuthorizationRefused, type Authorizer } from "../../server/authorization/authorizer.ts";
import { oauth2TokenHandler } from "../../server/authorization/oauth2_token.ts";
import { generateSigningKey } from "../../server/authorization/token_keys.ts";
import { TokenSigner, TokenVerifier } from "../../server/authorization/tokens.ts";
import type { Random } from "../support/random.ts";
import type { Earlier, FuzzTarget } from "./fuzz_target.ts";
import { type ExpectedClaim, type ExpectedGrant, expectedGrant } from "./grant_expected.ts";
import { generateGrant, type GrantInput, readGrant, SECRET, writeGrant } from "./grant_input.ts";
import { EXPIRE_SECONDS, LABELS_OF_TOKENS, openExchange, SILENT } from "./open_exchange.ts";
import { NOW_MS } from "./push_target.ts";
import type { Finding, Verdict } from "./verdict.ts";

const PATH = "/oauth2/token";
const ACCOUNT = "account";

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** The target. */
export class Grants implements FuzzTarget<GrantInput> {
  readonly #verifier: TokenVerifier;
  readonly #app: ReturnType<typeof createApp>;
  #input: GrantInput | undefined;
  #asked: ExpectedClaim[] = [];

  private constructor(signer: TokenSigner, verifier: TokenVerifier) {
    this.#verifier = verifier;
    const authorizer: Authorizer = { authorize: (token, id) => this.#authorize({ id, token }) };
    const handler = oauth2TokenHandler({ exchange: openExchange({ authorizer, signer }), registry: createRegistry() });
    this.#app = createApp({ [PATH]: { name: "oauth2_token", post: asRoute(handler) } }, { log: SILENT });
  }

  /** Makes a key. */
  static async open(): Promise<Grants> {
    const key = await generateSigningKey();
    return new Grants(new TokenSigner(key), new TokenVerifier([key], { now: () => NOW_MS }));
  }

  /** Makes a request and an answer. */
  generate(random: Random, earlier: Earlier<GrantInput>): GrantInput {
    return generateGrant(random, earlier);
  }

  /** Sends a request. */
  async check(input: GrantInput): Promise<Verdict<GrantInput>> {
    const { headers } = input, body = input.body as Uint8Array<ArrayBuffer>;
    const request = new Request(`http://localhost${PATH}`, { method: "POST", headers, body });
    const expected = expectedGrant(input, request.headers);
    const { answered, finding } = await this.#answer(input, { request, expected });
    const { status, text = "" } = answered ?? {};
    return {
      answer: String(status ?? "throws"),
      accepted: status === 200,
      feature: [status, expected.error, "authorization" in headers, input.says, status === 200 ? "" : text].join(" "),
      agrees: answered !== undefined && finding === undefined,
      ...finding && { finding },
      told: { answered, expected },
    };
  }

  /** An input as bytes. */
  write(input: GrantInput): Uint8Array {
    return writeGrant(input);
  }

  /** Bytes as an input. */
  read(bytes: Uint8Array): GrantInput {
    return readGrant(bytes);
  }

  async #answer(
    input: GrantInput,
    { request, expected }: { request: Request; expected: ExpectedGrant },
  ): Promise<{ answered?: Answered; finding?: Finding }> {
    this.#input = input;
    this.#asked = [];
    try {
      const response = await this.#app.fetch(request, { address: "127.0.0.1" });
      const answered = { status: response.status, headers: response.headers, text: await response.text() };
      const finding = this.#findingOf(answered, expected) ??
        (answered.status === 200 ? await this.#token(answered.text, expected) : undefined);
      return { answered, ...finding && { finding } };
    } catch (error) {
      return { finding: { what: "a request ends in no answer", detail: stackOf(error) } };
    }
  }

  #findingOf({ status, headers, text }: Answered, expected: ExpectedGrant): Finding | undefined {
    if (status !== expected.status) {
      return { what: `a request ends in ${status} in place of ${expected.status}`, detail: text };
    }
    const asked = JSON.stringify(this.#asked), meant = JSON.stringify(expected.asked ? [expected.asked] : []);
    if (asked !== meant) return { what: "the authorizer is asked something else", detail: `${asked}\n${meant}` };
    if (text.includes(SECRET)) return { what: "a secret is quoted", detail: text };
    if (status !== 200 && expected.error === undefined) return undefined;
    const { error, error_description: description } = JSON.parse(text);
    if (error !== expected.error) {
      return { what: "a request ends in another error", detail: `${text}\n${expected.error}` };
    }
    if (headers.get("cache-control") !== "no-store") return { what: "an answer may be kept", detail: text };
    if ((status === 401) !== headers.has("www-authenticate")) return { what: "a 401 asks for nothing", detail: text };
    // Section 5.2 of RFC 6749 leaves no other characters to a description.
    const isPlain = status === 200 || /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/.test(description);
    return isPlain ? undefined : { what: "a description has characters that it may not have", detail: text };
  }

  async #token(text: string, { asked }: ExpectedGrant): Promise<Finding | undefined> {
    const { access_token: token, ...rest } = JSON.parse(text);
    const { labels, subject } = await this.#verifier.verify(token);
    const said = JSON.stringify([Object.fromEntries(labels), subject, rest]);
    const others = { token_type: "Bearer", expires_in: EXPIRE_SECONDS };
    const meant = JSON.stringify([{ ...LABELS_OF_TOKENS, _id: asked?.id }, ACCOUNT, others]);
    return said === meant ? undefined : { what: "a token is for somebody else", detail: `${said}\n${meant}` };
  }

  #authorize(claim: ExpectedClaim): Promise<{ accountId: string }> {
    this.#asked.push(claim);
    const { says } = this.#input!;
    if (says === "yes") return Promise.resolve({ accountId: ACCOUNT });
    return Promise.reject(says === "fails" ? new Error("The upstream is gone") : new AuthorizationRefused(says));
  }
}
