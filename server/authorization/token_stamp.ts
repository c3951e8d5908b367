/**
 * A stamp in the header of a token that tells at the cost of a hash whether its content is ours, so that strangers with
 * made-up tokens cannot make servers check signatures, which cost a hundred times as much. It is no proof: the signature is.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from "node:crypto";

/** How many bytes of the HMAC-SHA-256 a stamp has: enough that guessing costs more than it gains. */
const STAMP_BYTES = 9;

/** The secret that stamps are made with, from the private key: whoever has that may stamp and check. */
export function stampSecretOf(privateKey: Uint8Array | string): Uint8Array {
  return createHmac("sha256", privateKey).update("telemeter token stamp").digest();
}

/** The stamp of a token's content, as it stands in the token. */
export function stampOf(content: string, secret: Uint8Array): string {
  return createHmac("sha256", secret).update(content).digest().subarray(0, STAMP_BYTES).toString("base64url");
}

/** Whether a content has this stamp. */
export function hasStamp(content: string, { stamp, secret }: { stamp: unknown; secret: Uint8Array }): boolean {
  if (typeof stamp !== "string") return false;
  const wanted = new TextEncoder().encode(stampOf(content, secret)), given = new TextEncoder().encode(stamp);
  return wanted.length === given.length && timingSafeEqual(wanted, given);
}
