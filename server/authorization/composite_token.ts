/**
 * The bearer token of openshift/telemeter's `/metrics/v1/receive`: the initial token and the cluster's id in one, sent with each request.
 *
 * @module
 */

import type { Claim } from "./token_exchange.ts";
import { isLabelValue } from "./tokens.ts";

/**
 * What such a token says: base64 of JSON with `authorization_token` and `cluster_id`. Undefined for every other text, tokens of ours
 * among them, whose full stops are no base64.
 */
export function compositeClaim(bearer: string): Claim | undefined {
  // Each request of most clients brings a token of ours, for which an error would cost more than the look.
  if (bearer.includes(".")) return undefined;
  try {
    const bytes = Uint8Array.fromBase64(bearer, { alphabet: /[-_]/.test(bearer) ? "base64url" : "base64" });
    const claim: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof claim !== "object" || claim === null) return undefined;
    const { authorization_token: token, cluster_id: id } = claim as Record<string, unknown>;
    if (typeof token !== "string" || token === "" || !token.isWellFormed()) return undefined;
    if (typeof id !== "string" || id === "" || !isLabelValue(id)) return undefined;
    return { id, token };
  } catch {
    return undefined;
  }
}
