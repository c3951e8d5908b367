/**
 * Access tokens by client credentials (RFC 6749 section 4.4), as Prometheus itself gets them for remote write.
 *
 * @module
 */

import { LimitError } from "../../common/exposition/metric_family.ts";
import { readUpTo } from "../../common/http/read_up_to.ts";
import type { Fetch } from "../../common/outgoing/outgoing_requests.ts";

/** Who we are to the issuer of tokens. */
export interface ClientCredentialsOptions {
  /** Where tokens are issued. */
  readonly url: URL;
  /** The id of the client. */
  readonly clientId: string;
  /** Its secret, as it is now. */
  readonly secret: () => string;
  /** What the token is asked for, if not for all. */
  readonly scope?: string;
  /** Does the requests. */
  readonly fetch: Fetch;
  /** The time, in milliseconds of a clock that does not go back. @default {() => performance.now()} */
  readonly now?: () => number;
}

/** The longest answer that is read, in bytes. */
const ANSWER_LIMIT_BYTES = 65_536;
/** How long the issuer may take, in milliseconds. */
const TIMEOUT_MS = 10_000;
/** A token is renewed so long before it ends, in milliseconds, at most half of its life. */
const EARLY_MS = 30_000;
/** How long a token lives whose issuer does not say so, in milliseconds. */
const DEFAULT_LIFE_MS = 300_000;

/** Gets tokens, one at a time, and keeps each until it is about to end or is refused. */
export class ClientCredentials {
  readonly #options: ClientCredentialsOptions;
  #token: { readonly text: string; readonly untilMs: number } | undefined;
  #asking: Promise<string> | undefined;

  /** Asks for nothing yet. */
  constructor(options: ClientCredentialsOptions) {
    this.#options = options;
  }

  /** The token to use now. */
  get(): Promise<string> {
    const { now = () => performance.now() } = this.#options;
    if (this.#token !== undefined && now() < this.#token.untilMs) return Promise.resolve(this.#token.text);
    this.#asking ??= this.#ask(now).finally(() => this.#asking = undefined);
    return this.#asking;
  }

  /** A token was refused: the next one is another. */
  refused(token: string): void {
    if (this.#token?.text === token) this.#token = undefined;
  }

  async #ask(now: () => number): Promise<string> {
    const { url, clientId, secret, scope, fetch } = this.#options;
    const basic = new TextEncoder().encode(`${encodeURIComponent(clientId)}:${encodeURIComponent(secret())}`)
      .toBase64();
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error("the issuer of tokens does not answer in time")), TIMEOUT_MS);
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { accept: "application/json", authorization: `Basic ${basic}` },
        body: new URLSearchParams({ grant_type: "client_credentials", ...scope === undefined ? {} : { scope } }),
        redirect: "manual",
        signal: late.signal,
      });
      const grant = readGrant(response.status, await readUpTo(response, ANSWER_LIMIT_BYTES));
      this.#token = { text: grant.token, untilMs: now() + grant.lifeMs - Math.min(EARLY_MS, grant.lifeMs / 2) };
      return grant.token;
    } catch (cause) {
      if (cause instanceof LimitError) throw new Error("The issuer of tokens answers more than a token", { cause });
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  }
}

function readGrant(status: number, body: Uint8Array): { token: string; lifeMs: number } {
  if (status !== 200) throw new Error(`The issuer of tokens answers ${status}`);
  let grant: Record<string, unknown>;
  try {
    grant = Object(JSON.parse(new TextDecoder().decode(body)));
  } catch (cause) {
    throw new Error("The issuer of tokens answers something other than JSON", { cause });
  }
  const { access_token: token, token_type: type, expires_in: life } = grant;
  if (typeof token !== "string" || !/^[\x21-\x7e]{1,16384}$/.test(token)) {
    throw new Error("The issuer of tokens answers without a usable 'access_token'");
  }
  if (typeof type === "string" && type.toLowerCase() !== "bearer") {
    throw new Error("The issuer of tokens answers a token that is no bearer token");
  }
  const seconds = Number(life);
  return {
    token,
    lifeMs: life !== undefined && seconds > 0 && Number.isFinite(seconds) ? 1_000 * seconds : DEFAULT_LIFE_MS,
  };
}
