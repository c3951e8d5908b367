/**
 * Tells whose push a request is, by its token.
 *
 * @module
 */

import { hash } from "node:crypto";
import { addressBlock } from "../../common/http/addresses.ts";
import { HttpError, type Peer } from "../../common/http/http.ts";
import { type BucketOptions, Buckets, retryAfterSeconds } from "../limits/rate_limit.ts";
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
   * Tokens of one address (IPv6: one /64) that may turn out to be no good. A signature costs 0.2 ms to check, so strangers
   * with made-up tokens must not have many of them checked. A token that was good before, or has our stamp, is not held up.
   *
   * @default {FORGED_LIMIT}
   */
  readonly forgedLimit?: BucketOptions;
  /**
   * The time for the limit, in milliseconds of a clock that does not go back.
   *
   * @default {() => performance.now()}
   */
  readonly elapsed?: () => number;
}

/** 500 at once, then 5 a second: a site whose clients all hold tokens of a lost key gets through it within minutes. */
export const FORGED_LIMIT: BucketOptions = { burst: 500, intervalMs: 200 };

/** Makes the check that a push passes first. It rejects with the same 401 for every token that will not do. */
export function authentication(
  { verifier, partitionLabel, revoked, forgedLimit = FORGED_LIMIT, elapsed = () => performance.now() }:
    AuthenticateOptions,
): (request: Request, peer: Peer) => Promise<Credentials> {
  const forged = new Buckets(forgedLimit);

  const verify = async (token: string, peer: Peer) => {
    // What has our stamp was signed by us, or is one of ours with another signature: the client whose it is answers for that.
    const payer = verifier.isLikely(token) ? `token ${contentOf(token)}` : addressBlock(peer.address);
    const waitMs = forged.waitMs(payer, elapsed());
    if (waitMs > 0) {
      throw new HttpError(
        429,
        "Cannot check another token like this after so many invalid ones: try again later",
        {
          reason: "forged",
          headers: { "retry-after": retryAfterSeconds(waitMs) },
        },
      );
    }
    try {
      return await verifier.verify(token);
    } catch (error) {
      forged.charge(payer, elapsed());
      throw error;
    }
  };

  return async (request, peer) => {
    const token = bearerToken(request);
    const { labels, keyId, expiresAtMs: tokenEndsMs } = verifier.recall(token) ?? await verify(token, peer);
    const id = labels.get(partitionLabel);
    if (id === undefined || id === "" || await revoked?.has(id)) throw notAuthorized();
    return { id, labels, keyId, tokenEndsMs };
  };
}

/** The part of a token that its stamp vouches for, in a few letters. */
function contentOf(token: string): string {
  return hash("sha256", token.slice(0, token.lastIndexOf(".")), "base64");
}
