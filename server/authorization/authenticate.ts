/**
 * Tells whose a request is that brings series: by a token of ours, by an initial token that comes with the cluster's id, or by the
 * client's certificate.
 *
 * @module
 */

import { Counter } from "prom-client";
import { addressBlock, addressNetwork } from "../../common/http/addresses.ts";
import { clientGone, HttpError, type Peer } from "../../common/http/http.ts";
import type { Registry } from "../../common/metrics.ts";
import { FairShares, type FairSharesOptions, NoPlaceError } from "../limits/fair_shares.ts";
import { retryAfterSeconds } from "../limits/rate_limit.ts";
import type { CertificateRule } from "./certificate_rule.ts";
import { type CertificateIdentity, identityIn } from "./client_certificate.ts";
import { compositeClaim } from "./composite_token.ts";
import type { TokenExchange } from "./token_exchange.ts";
import { bearerToken, notAuthorized, type TokenVerifier } from "./tokens.ts";

/** Whose a request is. */
export interface Credentials {
  /** The cluster id: the value of the partition label. */
  readonly id: string;
  /** All labels that the cluster's samples must have, the one with its id among them. */
  readonly labels: ReadonlyMap<string, string>;
  /** The id of the key that verified the token; empty where it was no token of ours. */
  readonly keyId: string;
  /** When the token or the certificate ends, in milliseconds since the epoch; 0 where nobody knows. */
  readonly tokenEndsMs: number;
}

/** Tells whose a request is, or rejects with the `HttpError` that its client gets. */
export type Authenticate = (request: Request, peer: Peer) => Promise<Credentials>;

/** What requests are judged by. */
export interface AuthenticateOptions {
  /** Verifies tokens of ours. */
  readonly verifier: TokenVerifier;
  /** The label that holds the cluster id. */
  readonly partitionLabel: string;
  /** Ids that may no longer push. */
  readonly revoked?: { has(id: string): Promise<boolean> };
  /** Lets initial tokens vouch for clusters, and knows the labels of those; without it, tokens of ours alone count. */
  readonly exchange?: Pick<TokenExchange, "vouch" | "labelsOf">;
  /** Where the id stands in certificates of clients, which the listener has verified; without it, or the exchange, they do not count. */
  readonly certificateRule?: CertificateRule;
  /**
   * How signatures that must be checked are shared out among those who send tokens. A token that was good before is not checked
   * again, and one that cannot be good is refused without it.
   *
   * @default {SIGNATURE_LIMITS}
   */
  readonly shares?: FairSharesOptions;
  /**
   * The time, in milliseconds since the epoch.
   *
   * @default {Date.now}
   */
  readonly now?: () => number;
  /** Where the counter of requests, by what told whose they are, is registered. */
  readonly registry?: Registry;
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

/** What tells whose a request is. */
const WAYS = ["token", "initial_token", "certificate"] as const;
type Way = typeof WAYS[number];

/**
 * Makes the check that all requests that bring series pass first. It rejects with the same 401 for every token that will not do; for an
 * initial token with what its exchange says, and for a certificate with what is wrong with that. A certificate only counts where there
 * is no `Authorization`.
 */
export function authentication(options: AuthenticateOptions): Authenticate {
  const { verifier, partitionLabel, revoked, exchange, certificateRule, registry, now = Date.now } = options;
  const verify = signatureChecks(options);
  const count = counting(registry);
  const identities = new WeakMap<Uint8Array, CertificateIdentity | "none">();

  const byToken = async (token: string, { request, address }: { request: Request; address: string }) => {
    const { labels, keyId, expiresAtMs: tokenEndsMs } = verifier.recall(token) ??
      await verify(token, { address, signal: request.signal });
    return { id: labels.get(partitionLabel) ?? "", labels, keyId, tokenEndsMs };
  };

  const byCertificate = (der: Uint8Array, rule: CertificateRule, labelsOf: TokenExchange["labelsOf"]) => {
    // A connection shows one certificate, as often as it is used.
    let identity = identities.get(der);
    if (identity === undefined) identities.set(der, identity = identityIn(der, rule) ?? "none");
    if (identity === "none") {
      throw certificateRefused(
        "it names no one cluster as the server's --client-certificate-id says, or is not one for clients: have another one issued",
      );
    }
    const { id, fromMs, endsMs: tokenEndsMs } = identity;
    if (now() < fromMs || now() >= tokenEndsMs) {
      throw certificateRefused(`it holds from ${isoTime(fromMs)} to ${isoTime(tokenEndsMs)}: show a newer one`);
    }
    return { id, labels: labelsOf(id), keyId: "", tokenEndsMs };
  };

  return async (request, { address, certificate }) => {
    let way: Way = "token";
    try {
      let credentials: Credentials;
      if (certificate !== undefined && certificateRule && exchange && !request.headers.has("authorization")) {
        way = "certificate";
        credentials = byCertificate(certificate, certificateRule, (id) => exchange.labelsOf(id));
      } else {
        const bearer = bearerToken(request), claim = exchange && compositeClaim(bearer);
        if (exchange === undefined || claim === undefined) {
          credentials = await byToken(bearer, { request, address });
        } else {
          way = "initial_token";
          const { pathname: path } = new URL(request.url);
          await exchange.vouch(claim, { signal: request.signal, address, path });
          credentials = { id: claim.id, labels: exchange.labelsOf(claim.id), keyId: "", tokenEndsMs: 0 };
        }
      }
      if (credentials.id === "" || await revoked?.has(credentials.id)) {
        throw way === "certificate" ? certificateRefused("the cluster that it names is revoked") : notAuthorized();
      }
      count(way, "known");
      return credentials;
    } catch (error) {
      count(way, "refused");
      throw error;
    }
  };
}

/** The answer to a certificate by which nobody is let in. An authority of clients has signed it, so that whose it is may know why. */
function certificateRefused(why: string): HttpError {
  return new HttpError(401, `Cannot let this request in by its client certificate: ${why}`, {
    reason: "token",
    headers: { "www-authenticate": "Bearer" },
  });
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** Checks signatures in turns. */
function signatureChecks({ verifier, shares: limits = SIGNATURE_LIMITS }: AuthenticateOptions) {
  const stamped = new FairShares(limits), strangers = new FairShares(limits);
  return async (token: string, { address, signal }: { address: string; signal: AbortSignal }) => {
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
}

function counting(registry: Registry | undefined): (way: Way, result: "known" | "refused") => void {
  if (registry === undefined) return () => {};
  const counter = new Counter({
    name: "telemeter_authentications_total",
    help: "Requests that bring series, by what says whose they are, and whether that was good",
    labelNames: ["by", "result"],
    registers: [registry],
  });
  for (const by of WAYS) for (const result of ["known", "refused"]) counter.inc({ by, result }, 0);
  return (by, result) => counter.inc({ by, result });
}
