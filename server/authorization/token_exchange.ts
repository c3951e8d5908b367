/**
 * The exchange of a client's initial token: who asks how often, what the authorizer says, who is revoked, and who hears of a no.
 *
 * @module
 */

import { hash } from "node:crypto";
import { BoundedMap } from "../../common/bounded_map.ts";
import { addressBlock } from "../../common/http/addresses.ts";
import { clientGone, HttpError } from "../../common/http/http.ts";
import { explain } from "../../common/explain.ts";
import type { RepeatLog } from "../../common/repeat_log.ts";
import { plainFields, plainText } from "../../common/plain_text.ts";
import type { Directory } from "../directory/directory.ts";
import { NoPlaceError } from "../limits/fair_shares.ts";
import { type BucketOptions, Buckets, retryAfterSeconds } from "../limits/rate_limit.ts";
import { type Asker, AuthorizationRefused, type Authorizer } from "./authorizer.ts";
import type { TokenSigner } from "./tokens.ts";

/** What a {@linkcode TokenExchange} works with. */
export interface TokenExchangeOptions {
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
  /**
   * Initial tokens remembered that were good for a cluster, which may vouch for it again without a limit; about 100 bytes each.
   *
   * @default {20_000}
   */
  readonly maxVouchers?: number;
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

/** Who says that it is a cluster, and by what. */
export interface Claim {
  /** The cluster's id. */
  readonly id: string;
  /** The initial token. */
  readonly token: string;
}

/** Who asks for a cluster, and by which path. */
export interface Claimant extends Asker {
  /** The path of the request. */
  readonly path: string;
}

/** A token that a client may push with from now on. */
export interface IssuedToken {
  /** The token. */
  readonly token: string;
  /** How long it is valid, in seconds. */
  readonly expiresInSeconds: number;
  /** The labels that it carries. */
  readonly labels: ReadonlyMap<string, string>;
}

/**
 * Exchanges initial tokens, for whichever path they come by: all are one to the limits, to the authorizer and to the log.
 *
 * It refuses by an `HttpError`: what the authorizer says (401, 403, 404, 409, 429), 403 to a revoked id, 429 above a limit or
 * share, 503 where the authorizer does not come to answer in time, else 503 with a detail that is not for strangers.
 */
export class TokenExchange {
  readonly #options: TokenExchangeOptions;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #byAddress: Buckets;
  readonly #byToken: Buckets;
  /** By hashes of the two together. */
  readonly #vouchers: BoundedMap<string, true>;

  /** Has exchanged nothing yet. */
  constructor(options: TokenExchangeOptions) {
    const { addressLimit = AUTHORIZE_LIMIT, tokenLimit = AUTHORIZE_LIMIT, maxVouchers = 20_000 } = options;
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#elapsed = options.elapsed ?? (() => performance.now());
    this.#byAddress = new Buckets(addressLimit);
    this.#byToken = new Buckets(tokenLimit);
    this.#vouchers = new BoundedMap(maxVouchers);
  }

  /**
   * Counts an exchange that an address begins. To be called before anything of it is read.
   *
   * @throws {HttpError} 429 if there were too many of late.
   */
  begin(address: string): void {
    limit(this.#byAddress.take(addressBlock(address), this.#elapsed()));
  }

  /** Exchanges a cluster's initial token. */
  async issue(claim: Claim, asker: Claimant): Promise<IssuedToken> {
    this.#limitToken(claim);
    const { signer, expireSeconds } = this.#options;
    return await this.#telling(claim, asker, async () => {
      const { accountId: subject } = await this.#ask(claim, asker);
      const labels = this.labelsOf(claim.id);
      const token = await signer.sign({ labels, subject, expireSeconds, now: this.#now() });
      return { token, expiresInSeconds: expireSeconds, labels };
    });
  }

  /**
   * Has an initial token vouch for a cluster at once, without another in its place, as each request of some clients does. One that
   * did so before, and was good, is held to no limit; the authorizer remembers its own answers.
   */
  async vouch(claim: Claim, asker: Claimant): Promise<void> {
    // JSON keeps (a, bc) and (ab, c) apart.
    const voucher = hash("sha256", JSON.stringify([claim.token, claim.id]), "base64");
    if (this.#vouchers.get(voucher) === undefined) {
      this.begin(asker.address);
      this.#limitToken(claim);
    }
    try {
      await this.#telling(claim, asker, () => this.#ask(claim, asker));
      this.#vouchers.set(voucher, true);
    } catch (error) {
      if (error instanceof HttpError && error.cause instanceof AuthorizationRefused) this.#vouchers.delete(voucher);
      throw error;
    }
  }

  /** The labels that a cluster's samples must have, its id among them. */
  labelsOf(id: string): ReadonlyMap<string, string> {
    const { requiredLabels, partitionLabel } = this.#options;
    return new Map([...requiredLabels, [partitionLabel, id]]);
  }

  async #ask({ token, id }: Claim, asker: Asker) {
    const { authorizer, revoked } = this.#options;
    const authorization = await authorizer.authorize(token, id, asker);
    // Only who has the right to the id hears that it is revoked.
    if (await revoked?.has(id)) {
      throw new HttpError(403, "Cannot authorize this cluster: its id is revoked", { reason: "revoked" });
    }
    return authorization;
  }

  #limitToken({ token }: Claim) {
    // The hash, as tokens made up by a hostile client may be long.
    limit(this.#byToken.take(hash("sha256", token, "base64"), this.#elapsed()));
  }

  /** Does what may end in a no, and tells of that. */
  async #telling<T>({ id }: Claim, { address, path, signal }: Claimant, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      const error = thrown instanceof AuthorizationRefused ? refusal(thrown) : thrown;
      if (error instanceof HttpError) {
        this.#tell(id, { address, path, error });
        throw error;
      }
      if (signal.aborted) throw clientGone(error);
      if (error instanceof NoPlaceError) throw noPlace(error);
      throw new HttpError(503, "Cannot authorize any cluster now: try again later", {
        reason: "authorizer",
        headers: { "retry-after": retryAfterSeconds(FAILED_RETRY_MS * (0.5 + Math.random())) },
        detail: explain(error),
        cause: error,
      });
    }
  }

  #tell(id: string, { address, path, error }: { address: string; path: string; error: HttpError }) {
    const { directory, refusals } = this.#options;
    const { status, reason, message, detail = message } = error;
    directory.refused(id, { stage: "authorize", path, status, reason, why: plainText(detail) });
    const block = addressBlock(address);
    const fields = plainFields({ cluster: id, address: block, status, reason, why: detail });
    // Of whom nobody knows, it is the address that tells one from another: ids are made up in no time.
    if (directory.get(id) !== undefined) refusals.known.add(`${id} authorize ${reason}`, "Refused a token", fields);
    else refusals.strangers.add(`${block} ${reason}`, "Refused a token to a cluster that is not known here", fields);
  }
}

function limit(waitMs: number) {
  if (waitMs === 0) return;
  throw new HttpError(429, "Too many requests: try again later", {
    reason: "rate",
    headers: { "retry-after": retryAfterSeconds(waitMs) },
  });
}

function refusal(cause: AuthorizationRefused): HttpError {
  const { status, message, retryAfterMs = REFUSED_RETRY_MS } = cause;
  const headers: Partial<Record<number, Record<string, string>>> = {
    401: { "www-authenticate": "Bearer" },
    429: { "retry-after": retryAfterSeconds(Math.min(retryAfterMs, MOST_RETRY_MS)) },
  };
  return new HttpError(status, message, { reason: "refused", headers: headers[status], cause });
}

/** The client's own line is too long, or the authorizer is too slow for all who ask. */
function noPlace(cause: NoPlaceError): HttpError {
  const { reason, retryAfterMs } = cause;
  const [status, words] = reason === "share"
    ? [429, "Cannot ask the authorizer about so many clusters of one sender at a time: try again later"] as const
    : [503, "Cannot ask the authorizer in time about all clusters that come: try again later"] as const;
  return new HttpError(status, words, { reason, headers: { "retry-after": retryAfterSeconds(retryAfterMs) }, cause });
}
