/**
 * `POST /authorize?id=ID`: exchanges a client's initial token for one that it pushes with.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { addressBlock } from "../../common/http/addresses.ts";
import { clientGone, type Handler, HttpError, readBody } from "../../common/http/http.ts";
import { explain } from "../../common/explain.ts";
import type { WrittenAbilities } from "../../common/ingest/server_abilities.ts";
import { plainFields, plainText } from "../../common/plain_text.ts";
import type { RepeatLog } from "../../common/line_limit.ts";
import type { Directory } from "../directory/directory.ts";
import { AuthorizationRefused, type Authorizer } from "./authorizer.ts";
import { NoPlaceError } from "../limits/fair_shares.ts";
import { type BucketOptions, Buckets, retryAfterSeconds } from "../limits/rate_limit.ts";
import { bearerToken, isLabelValue, type TokenSigner } from "./tokens.ts";

/** What {@linkcode authorizeHandler} works with. */
export interface AuthorizeOptions {
  /** Decides. */
  readonly authorizer: Authorizer;
  /** Issues the tokens. */
  readonly signer: TokenSigner;
  /** The label that holds the cluster's id. */
  readonly partitionLabel: string;
  /** Labels that every token carries besides. */
  readonly requiredLabels: ReadonlyMap<string, string>;
  /** How long a token is valid, in seconds. */
  readonly expireSeconds: number;
  /** What the server takes, which it tells with the token. */
  readonly abilities: WrittenAbilities;
  /** Ids that get no token. */
  readonly revoked?: { has(id: string): Promise<boolean> };
  /**
   * Exchanges from one address (IPv6: one /64), for where nothing else tells good clients from others. Loose, as the clients of
   * a whole site may share an address and all come back at once after an outage.
   *
   * @default {AUTHORIZE_LIMIT}
   */
  readonly addressLimit?: BucketOptions;
  /**
   * Exchanges with one initial token, which all clusters of an account may share.
   *
   * @default {AUTHORIZE_LIMIT}
   */
  readonly tokenLimit?: BucketOptions;
  /** Told of whom an exchange is refused. */
  readonly directory: Pick<Directory, "refused" | "get">;
  /** Told why exchanges are refused, of clusters that are known, and of strangers, of whom there may be very many. */
  readonly refusals: { readonly known: Pick<RepeatLog, "add">; readonly strangers: Pick<RepeatLog, "add"> };
  /**
   * The time, in milliseconds since the epoch.
   *
   * @default {Date.now}
   */
  readonly now?: () => number;
  /**
   * The time for the limits, in milliseconds of a clock that does not go back.
   *
   * @default {() => performance.now()}
   */
  readonly elapsed?: () => number;
}

/** 5,000 clusters at once, then 50 a second. */
export const AUTHORIZE_LIMIT: BucketOptions = { burst: 5_000, intervalMs: 20 };

/** No limit: an upstream authorizer's questions are shared out, and its answers remembered. */
export const UNLIMITED: BucketOptions = { burst: 1, intervalMs: 0 };

/** When to try again where the upstream authorizer does not answer, give or take a half, in milliseconds. */
const FAILED_RETRY_MS = 30_000;
/** When to try again where it says that there were too many requests, and no more. */
const REFUSED_RETRY_MS = 300_000;
/** The longest time that it is believed to want, in milliseconds. */
const MOST_RETRY_MS = 3_600_000;

/** The longest url-encoded body that is read, in bytes. */
const FORM_LIMIT_BYTES = 4_096;
const FORM_TYPE = "application/x-www-form-urlencoded";

/** The response to a client that is let in, as clients of openshift/telemeter read it; at most 16 KiB. */
interface TokenResponse {
  readonly version: 1;
  readonly token: string;
  readonly expiresInSeconds: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly accepts: WrittenAbilities["accepts"];
  readonly limits: WrittenAbilities["limits"];
}

/**
 * Makes the handler.
 *
 * It answers 405 to another method than POST, 400 without a proper id, 401 without a bearer token, what the authorizer says
 * (401, 403, 404, 409, 429), 403 to a revoked id, 429 above a limit or share, 503 where the authorizer does not come to answer
 * in time, else 503 with a detail that is not for strangers.
 */
export function authorizeHandler(options: AuthorizeOptions): Handler {
  const { authorizer, signer, partitionLabel, requiredLabels, expireSeconds, abilities, revoked } = options;
  const { directory, refusals } = options;
  const { addressLimit = AUTHORIZE_LIMIT, tokenLimit = AUTHORIZE_LIMIT } = options;
  const { now = Date.now, elapsed = () => performance.now() } = options;
  const byAddress = new Buckets(addressLimit);
  const byToken = new Buckets(tokenLimit);

  return async (request, peer) => {
    if (request.method !== "POST") {
      throw new HttpError(405, "Cannot authorize by this method: use POST", {
        reason: "method",
        headers: { allow: "POST" },
      });
    }
    limit(byAddress.take(addressBlock(peer.address), elapsed()));
    const id = await clusterIdOf(request);
    const token = bearerToken(request);
    // The hash, as tokens made up by a hostile client may be long.
    limit(byToken.take(createHash("sha256").update(token).digest("base64"), elapsed()));
    try {
      const { accountId } = await authorizer.authorize(token, id, { signal: request.signal, address: peer.address });
      // Only who has the right to the id hears that it is revoked.
      if (await revoked?.has(id)) {
        throw new HttpError(403, "Cannot authorize this cluster: its id is revoked", { reason: "revoked" });
      }
      const labels = new Map([...requiredLabels, [partitionLabel, id]]);
      const response: TokenResponse = {
        version: 1,
        token: await signer.sign({ labels, subject: accountId, expireSeconds, now: now() }),
        expiresInSeconds: expireSeconds,
        labels: Object.fromEntries(labels),
        ...abilities,
      };
      return Response.json(response, { headers: { "cache-control": "no-store" } });
    } catch (thrown) {
      const error = thrown instanceof AuthorizationRefused ? refusal(thrown) : thrown;
      if (error instanceof HttpError) {
        const { status, reason, message, detail = message } = error;
        directory.refused(id, { stage: "authorize", status, reason, why: plainText(detail) });
        const address = addressBlock(peer.address);
        const fields = plainFields({ cluster: id, address, status, reason, why: detail });
        // Of whom nobody knows, it is the address that tells one from another: ids are made up in no time.
        if (directory.get(id) !== undefined) refusals.known.add(`${id} authorize ${reason}`, "Refused a token", fields);
        else {refusals.strangers.add(
            `${address} ${reason}`,
            "Refused a token to a cluster that is not known here",
            fields,
          );}
        throw error;
      }
      if (request.signal.aborted) throw clientGone(error);
      if (error instanceof NoPlaceError) throw noPlace(error);
      throw new HttpError(503, "Cannot authorize any cluster now: try again later", {
        reason: "authorizer",
        headers: { "retry-after": retryAfterSeconds(FAILED_RETRY_MS * (0.5 + Math.random())) },
        detail: explain(error),
        cause: error,
      });
    }
  };
}

function limit(waitMs: number) {
  if (waitMs === 0) return;
  throw new HttpError(429, "Too many requests: try again later", {
    reason: "rate",
    headers: { "retry-after": retryAfterSeconds(waitMs) },
  });
}

function refusal({ status, message, retryAfterMs = REFUSED_RETRY_MS }: AuthorizationRefused): HttpError {
  const headers: Partial<Record<number, Record<string, string>>> = {
    401: { "www-authenticate": "Bearer" },
    429: { "retry-after": retryAfterSeconds(Math.min(retryAfterMs, MOST_RETRY_MS)) },
  };
  return new HttpError(status, message, { reason: "refused", headers: headers[status] });
}

/** The client's own line is too long, or the authorizer is too slow for all who ask. */
function noPlace(cause: NoPlaceError): HttpError {
  const { reason, retryAfterMs } = cause;
  const [status, words] = reason === "share"
    ? [429, "Cannot ask the authorizer about so many clusters of one sender at a time: try again later"] as const
    : [503, "Cannot ask the authorizer in time about all clusters that come: try again later"] as const;
  return new HttpError(status, words, { reason, headers: { "retry-after": retryAfterSeconds(retryAfterMs) }, cause });
}

/** The id from an url-encoded body, else from the query. */
async function clusterIdOf(request: Request): Promise<string> {
  const mediaType = (request.headers.get("content-type") ?? "").split(";", 1)[0].trim().toLowerCase();
  const form = mediaType === FORM_TYPE ? await readForm(request) : "";
  const id = firstValue(form, "id") ?? firstValue(new URL(request.url).search.slice(1), "id");
  if (id === undefined || id === "") {
    throw badRequest("the parameter 'id' is missing from the query or the url-encoded body");
  }
  if (!isLabelValue(id)) throw badRequest("the parameter 'id' has more than 255 bytes");
  return id;
}

async function readForm(request: Request): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readBody(request, { limitBytes: FORM_LIMIT_BYTES }));
  } catch (error) {
    if (error instanceof TypeError) throw badRequest("the body is not UTF-8");
    if (error instanceof HttpError && error.status === 413) {
      throw badRequest(`the body has more than ${FORM_LIMIT_BYTES} bytes`);
    }
    throw error;
  }
}

/**
 * The first value of a name in an url-encoded form. `URLSearchParams` would do, but it reads every malformed byte as U+FFFD, so
 * that different bytes became one and the same id.
 */
function firstValue(form: string, name: string): string | undefined {
  for (const pair of form.split("&")) {
    const [key, value = ""] = pair.split(/=(.*)/s, 2);
    try {
      if (decodeURIComponent(key.replaceAll("+", " ")) === name) return decodeURIComponent(value.replaceAll("+", " "));
    } catch {
      throw badRequest("a parameter is not percent-encoded UTF-8");
    }
  }
  return undefined;
}

function badRequest(what: string): HttpError {
  return new HttpError(400, `Cannot authorize: ${what}`, { reason: "id" });
}
