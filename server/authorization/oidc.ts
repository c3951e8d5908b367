/**
 * The server's own access to its upstream authorizer: OpenID Connect discovery, and the password grant (RFC 6749 section 4.3).
 *
 * @module
 */

import { orAborted } from "../../common/abort.ts";
import type { Fetch } from "../../common/outgoing/outgoing_requests.ts";
import { type AccessTokens, type JsonAnswer, readJson } from "./authorizer.ts";

/** Who we are to the issuer. */
export interface PasswordGrantOptions {
  /** The issuer; its configuration lies below it at `/.well-known/openid-configuration`. */
  readonly issuer: URL;
  /** The id under which the issuer knows the server as an OAuth client. */
  readonly clientId: string;
  /** The user in whose name the server asks. */
  readonly username: string;
  /** The user's password. */
  readonly password: string;
  /**
   * Does the requests.
   *
   * @default {globalThis.fetch}
   */
  readonly fetch?: Fetch;
  /**
   * The time, in milliseconds of a clock that does not go back.
   *
   * @default {() => performance.now()}
   */
  readonly now?: () => number;
}

/** How long a grant may take, discovery included: less than the question that waits for it may. */
const TIMEOUT_MS = 10_000;
/** The longest configuration or grant that is read, in bytes. */
const ANSWER_LIMIT_BYTES = 65_536;
/** A token is renewed so long before it expires, so that it does not expire on its way; at most half of its life. */
const EARLY_MS = 30_000;
/** What stands where the issuer does not say how long a token lives (RFC 6749 section 5.1 only recommends that). */
const DEFAULT_LIFE_MS = 300_000;
/** After a failure the issuer is left alone for so long: a wrong password tried again and again locks accounts. */
const PAUSE_MS = 10_000;
/** A token younger than this that the upstream refuses will not be mended by another one. */
const FRESH_MS = 60_000;
/** The configuration is read again after this time. */
const DISCOVERY_LIFE_MS = 3_600_000;

interface Grant {
  readonly token: string;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/**
 * Access tokens by password grant: one at a time, renewed before it expires, shared by all who wait for it. A refresh token is
 * not asked for, as the password is at hand.
 */
export class PasswordGrant implements AccessTokens {
  readonly #options: Required<PasswordGrantOptions>;
  #grant?: Grant;
  #pending?: Promise<Grant>;
  #failure?: { readonly error: unknown; readonly untilMs: number };
  #endpoint?: { readonly url: URL; readonly untilMs: number };

  /** Asks for nothing yet. */
  constructor(options: PasswordGrantOptions) {
    this.#options = { fetch: globalThis.fetch, now: () => performance.now(), ...options };
  }

  /** The token to use now; see {@linkcode AccessTokens.get}. */
  async get(signal: AbortSignal): Promise<string> {
    const now = this.#options.now();
    if (this.#grant !== undefined && now < this.#grant.untilMs) return this.#grant.token;
    if (this.#failure !== undefined && now < this.#failure.untilMs) throw this.#failure.error;
    // Whoever gives up waiting must not take the grant from the others, so it has a deadline of its own.
    this.#pending ??= this.#renew().finally(() => this.#pending = undefined);
    return (await orAborted(this.#pending, signal)).token;
  }

  /** Drops `token` unless it is so fresh that another one would fare no better; see {@linkcode AccessTokens.refused}. */
  refused(token: string): boolean {
    if (this.#grant?.token !== token) return true;
    if (this.#options.now() - this.#grant.sinceMs < FRESH_MS) return false;
    this.#grant = undefined;
    return true;
  }

  async #renew(): Promise<Grant> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      this.#grant = await this.#request(await this.#tokenEndpoint(signal), signal);
      this.#failure = undefined;
      return this.#grant;
    } catch (cause) {
      const error = new Error("Cannot get access to the authorizer from its OpenID Connect issuer", { cause });
      this.#failure = { error, untilMs: this.#options.now() + PAUSE_MS };
      this.#endpoint = undefined;
      throw error;
    }
  }

  async #tokenEndpoint(signal: AbortSignal): Promise<URL> {
    const { issuer, fetch, now } = this.#options;
    if (this.#endpoint !== undefined && now() < this.#endpoint.untilMs) return this.#endpoint.url;
    const base = issuer.href.replace(/\/$/, "");
    const response = await fetch(`${base}/.well-known/openid-configuration`, {
      headers: { accept: "application/json" },
      signal,
      redirect: "manual",
    });
    const { status, json } = await readJson(response, ANSWER_LIMIT_BYTES);
    if (status !== 200) throw new Error(`The issuer's configuration came with the status ${status}`);
    const { issuer: named, token_endpoint: endpoint } = objectOf(json);
    // OpenID Connect Discovery section 4.3: a configuration that names another issuer is not to be used.
    if (typeof named !== "string" || named.replace(/\/$/, "") !== base) {
      throw new Error("The issuer's configuration names another issuer");
    }
    const url = typeof endpoint === "string" ? URL.parse(endpoint) : null;
    if (url === null || (url.protocol !== "https:" && url.protocol !== issuer.protocol)) {
      throw new Error("The issuer's configuration has no usable 'token_endpoint'");
    }
    this.#endpoint = { url, untilMs: now() + DISCOVERY_LIFE_MS };
    return url;
  }

  async #request(endpoint: URL, signal: AbortSignal): Promise<Grant> {
    const { clientId, username, password, fetch, now } = this.#options;
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { accept: "application/json" },
      body: new URLSearchParams({ grant_type: "password", client_id: clientId, username, password }),
      signal,
      redirect: "manual",
    });
    return grantOf(await readJson(response, ANSWER_LIMIT_BYTES), now());
  }
}

function grantOf({ status, json }: JsonAnswer, now: number): Grant {
  if (status !== 200) throw new Error(`The grant came with the status ${status}`);
  const { access_token: token, token_type: type, expires_in: life } = objectOf(json);
  if (typeof token !== "string" || !/^[\x21-\x7e]{1,16384}$/.test(token)) {
    throw new Error("The grant has no usable 'access_token'");
  }
  if (typeof type === "string" && type.toLowerCase() !== "bearer") throw new Error("The grant is not a bearer token");
  // Some issuers write the number as text.
  const seconds = Number(life);
  const lifeMs = life !== undefined && Number.isFinite(seconds) && seconds > 0 ? 1_000 * seconds : DEFAULT_LIFE_MS;
  return { token, sinceMs: now, untilMs: now + lifeMs - Math.min(EARLY_MS, lifeMs / 2) };
}

function objectOf(json: unknown): Record<string, unknown> {
  if (typeof json !== "object" || json === null) throw new Error("The issuer answered with something other than JSON");
  return json as Record<string, unknown>;
}
