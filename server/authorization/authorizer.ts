/**
 * Who may push: asks an upstream authorizer ("tollbooth") whether a token may speak for a cluster, or lets anybody in.
 *
 * @module
 */

import { accountIdOf } from "../../common/fnv.ts";
import { LimitError } from "../../common/exposition/metric_family.ts";
import { readUpTo } from "../../common/http/read_up_to.ts";
import type { Fetch } from "../../common/outgoing/outgoing_requests.ts";

/** What an authorizer says of a token and a cluster that it lets in. */
export interface Authorization {
  /** Whom the token belongs to; the subject of the client's tokens. */
  readonly accountId: string;
}

/** Who wants to know. */
export interface Asker {
  /** Ends the wait once it is aborted. */
  readonly signal: AbortSignal;
  /** The address that the client comes from. */
  readonly address: string;
}

/** Decides whether a token may speak for a cluster. */
export interface Authorizer {
  /**
   * Asks once.
   *
   * @throws {AuthorizationRefused} if the answer is no; any other error means that there is no answer.
   */
  authorize(token: string, clusterId: string, asker: Asker): Promise<Authorization>;
}

/** The status of a refusal. */
export type RefusalStatus = 401 | 403 | 404 | 409 | 429;

/** What a refusal tells the client: the upstream's own words stay with us. */
const REFUSALS: Readonly<Record<RefusalStatus, string>> = {
  401: "the token is not known",
  403: "the token may not be used for this cluster",
  404: "the cluster is not known",
  409: "the cluster's id is in use under another account, or is not random enough",
  429: "too many requests: try again later",
};

/** An authorizer's no. The message may be shown to the client. */
export class AuthorizationRefused extends Error {
  /** Stable, for the place that maps refusals to HTTP responses. */
  readonly code = "authorization_refused";
  /** The name of the class. */
  override readonly name = "AuthorizationRefused";

  /** The status to answer the client with. */
  readonly status: RefusalStatus;
  /** When to ask again, in milliseconds, if the authorizer says so. */
  readonly retryAfterMs: number | undefined;

  /** A refusal with the status that the authorizer gave. */
  constructor(status: RefusalStatus, { retryAfterMs }: { readonly retryAfterMs?: number } = {}) {
    super(`Cannot authorize this cluster: ${REFUSALS[status]}`);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Lets every token speak for every cluster; the account is a hash of the token. For trials, and where the network is the wall. */
export class OpenAuthorizer implements Authorizer {
  /** Says yes. */
  authorize(token: string): Promise<Authorization> {
    return Promise.resolve({ accountId: accountIdOf(token) });
  }
}

/** Hands out the access token for requests to the upstream authorizer. */
export interface AccessTokens {
  /** The token to use now. */
  get(signal: AbortSignal): Promise<string>;
  /** Called when `token` was refused, so that the next one is a new one; false if a new one would be no better. */
  refused(token: string): boolean;
}

/** How an {@linkcode UpstreamAuthorizer} reaches its upstream. */
export interface UpstreamOptions {
  /** Where to ask. */
  readonly url: URL;
  /** Our own access to it, where it wants one. */
  readonly access?: AccessTokens;
  /**
   * Does the requests.
   *
   * @default {globalThis.fetch}
   */
  readonly fetch?: Fetch;
}

/** The longest answer that is read, in bytes. */
const ANSWER_LIMIT_BYTES = 32_768;
/** The longest account id that is taken, in UTF-16 units. */
const ACCOUNT_ID_LIMIT = 1_024;
/** The longest that is taken as it stands in a token, in bytes of JSON: with the longest cluster id it still fits there. */
const ACCOUNT_JSON_LIMIT_BYTES = 3_072;

/** Asks an upstream authorizer over HTTP. */
export class UpstreamAuthorizer implements Authorizer {
  readonly #url: URL;
  readonly #access?: AccessTokens;
  readonly #fetch: Fetch;

  /** Asks nothing yet. */
  constructor({ url, access, fetch = globalThis.fetch }: UpstreamOptions) {
    this.#url = url;
    this.#access = access;
    this.#fetch = fetch;
  }

  /** Asks the upstream; see {@linkcode Authorizer.authorize}. */
  async authorize(token: string, clusterId: string, { signal }: Pick<Asker, "signal">): Promise<Authorization> {
    const question = JSON.stringify({ cluster_id: clusterId, authorization_token: token, account_id: "" });
    const ask = (access?: string) => this.#ask(question, { access, signal });
    if (this.#access === undefined) return authorizationOf(await ask());
    // A 401 may mean the client's token or our own access; a new access settles it, else the body does.
    const access = await this.#access.get(signal);
    let answer = await ask(access);
    if (answer.status === 401 && this.#access.refused(access)) answer = await ask(await this.#access.get(signal));
    if (answer.status === 401 && !hasErrorName(answer)) throw new Error("The authorizer refuses our own access to it");
    return authorizationOf(answer);
  }

  async #ask(body: string, { access, signal }: { access?: string; signal: AbortSignal }): Promise<JsonAnswer> {
    const headers = new Headers({ "content-type": "application/json", accept: "application/json" });
    if (access !== undefined) headers.set("authorization", `Bearer ${access}`);
    // A redirect could carry the client's token to somebody else.
    const response = await this.#fetch(this.#url, { method: "POST", headers, body, signal, redirect: "manual" });
    return await readJson(response, ANSWER_LIMIT_BYTES);
  }
}

/** A status, and the JSON that came with it; undefined if the body is of another media type or does not parse. */
export interface JsonAnswer {
  /** The HTTP status, whether or not it is a success. */
  readonly status: number;
  /** The body, parsed. */
  readonly json: unknown;
  /** When to ask again, in milliseconds, where `Retry-After` says so in seconds. */
  readonly retryAfterMs: number | undefined;
}

/**
 * Reads a response's body as JSON. What comes with no success may be a long page, of which nothing is read further.
 *
 * @throws {LimitError} if a success has more than `limitBytes`.
 */
export async function readJson(response: Response, limitBytes: number): Promise<JsonAnswer> {
  const { status, ok, headers } = response;
  const body = await readUpTo(response, limitBytes).catch((error) => {
    if (ok || !(error instanceof LimitError)) throw error;
  });
  const mediaType = (headers.get("content-type") ?? "").split(";", 1)[0].trim().toLowerCase();
  const json = body !== undefined && mediaType === "application/json" ? parsed(body) : undefined;
  const [seconds] = /^\d{1,9}$/.exec(headers.get("retry-after") ?? "") ?? [];
  return { status, json, retryAfterMs: seconds === undefined ? undefined : 1_000 * Number(seconds) };
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}

/** True if the authorizer itself answered with an error, and not what stands before it. */
function hasErrorName({ json }: JsonAnswer): boolean {
  return typeof (json as { name?: unknown } | null | undefined)?.name === "string";
}

function authorizationOf({ status, json, retryAfterMs }: JsonAnswer): Authorization {
  if (status in REFUSALS) throw new AuthorizationRefused(status as RefusalStatus, { retryAfterMs });
  if (status !== 200 && status !== 201) throw new Error(`The authorizer answered with the status ${status}`);
  const accountId = (json as { account_id?: unknown } | null | undefined)?.account_id;
  if (typeof accountId !== "string" || accountId === "") {
    throw new Error("The authorizer's answer is not JSON with an 'account_id'");
  }
  const isLong = accountId.length > ACCOUNT_ID_LIMIT ||
    new TextEncoder().encode(JSON.stringify(accountId)).length > ACCOUNT_JSON_LIMIT_BYTES;
  if (isLong || !accountId.isWellFormed()) {
    throw new Error(`The authorizer's 'account_id' is not a text of at most ${ACCOUNT_ID_LIMIT} characters`);
  }
  return { accountId };
}
