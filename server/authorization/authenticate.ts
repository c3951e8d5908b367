/**
 * Tells whose push a request is, by its token.
 *
 * @module
 */

import { addressBlock, addressNetwork } from "../../common/http/addresses.ts";
import { clientGone, HttpError, type Peer } from "../../common/http/http.ts";
import { FairShares, type FairSharesOptions, NoPlaceError } from "../limits/fair_shares.ts";
import { retryAfterSeconds } from "../limits/rate_limit.ts";
import { bearerToken, notAuthorized, type TokenVerifier } from "./tokens.ts";

/** Who pushes, by a verified token. */
export interface Credentials {
  /** The cluster id: the value of the partition label. */
  readonly id: string;
  /** All labels of the token, the one with the cluster id among them. */
  readonly labels: ReadonlyMap<string, string>;
  /** The id of the key that verified the token. */
  readonly keyId: string;
  /** When the token ends, in milliseconds since the epoch. */
  readonly tokenEndsMs: number;
}

/** What tokens are judged by. */
export interface AuthenticateOptions {
  /** Verifies them. */
  readonly verifier: TokenVerifier;
  /** The label that holds the cluster id. */
  readonly partitionLabel: string;
  /** Ids that may no longer push. */
  readonly revoked?: { has(id: string): Promise<boolean> };
  /**
   * How signatures that must be checked are shared out among those who send tokens. A token that was good before is not checked
   * again, and one that cannot be good is refused without it.
   *
   * @default {SIGNATURE_LIMITS}
   */
  readonly shares?: FairSharesOptions;
}

/**
 * 128 signatures at a time, and 512 that wait for 2 s: for tokens with our stamp, and as many again for others. A bad one counts
 * for a quarter of a second longer, so that an address has some 256 a second checked: a signature costs 0.2 ms, which is what the
 * request costs that brings it.
 */
export const SIGNATURE_LIMITS: FairSharesOptions = {
  places: 128,
  maxWaiting: 512,
  patienceMs: 2_000,
  penaltyMs: 250,
};

/** Makes the check that a push passes first. It rejects with the same 401 for every token that will not do. */
export function authentication(
  { verifier, partitionLabel, revoked, shares: limits = SIGNATURE_LIMITS }: AuthenticateOptions,
): (request: Request, peer: Peer) => Promise<Credentials> {
  const stamped = new FairShares(limits), strangers = new FairShares(limits);

  const verify = async (token: string, { address, signal }: { address: string; signal: AbortSignal }) => {
    const glance = verifier.glance(token);
    if (glance === undefined) throw notAuthorized();
    // What has our stamp was signed by us, or is one of ours with another signature: the client whose it is answers for that.
    const { client } = glance;
    const [shares, path] = client === undefined
      ? [strangers, [addressNetwork(address), addressBlock(address)]]
      : [stamped, [client]];
    try {
      return await shares.run(() => verifier.verify(token), { path, signal });
    } catch (error) {
      if (signal.aborted) throw clientGone(error);
      if (!(error instanceof NoPlaceError)) throw error;
      throw new HttpError(429, "Cannot check a token like this among so many invalid ones: try again later", {
        reason: "forged",
        headers: { "retry-after": retryAfterSeconds(error.retryAfterMs) },
        cause: error,
      });
    }
  };

  return async (request, { address }) => {
    const token = bearerToken(request);
    const { labels, keyId, expiresAtMs: tokenEndsMs } = verifier.recall(token) ??
      await verify(token, { address, signal: request.signal });
    const id = labels.get(partitionLabel);
    if (id === undefined || id === "" || await revoked?.has(id)) throw notAuthorized();
    return { id, labels, keyId, tokenEndsMs };
  };
}
