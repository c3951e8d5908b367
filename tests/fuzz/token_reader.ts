/**
 * An independent reading of a token: RFC 7515 in its compact form, RFC 7519's claims, with node:crypto for the signatures, and the
 * rule that a token has one form.
 *
 * @module
 */

import { type KeyObject, verify } from "node:crypto";

/** A public key, and the one algorithm that goes with it. */
export interface ReaderKey {
  /** The `kid` of its tokens. */
  readonly id: string;
  /** Its algorithm. */
  readonly algorithm: "ES256" | "ES384";
  /** The key. */
  readonly key: KeyObject;
}

/** What a token says, or why it says nothing. */
export type Reading =
  | { readonly labels: Readonly<Record<string, string>>; readonly subject: string }
  | { readonly fault: string };

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const LEEWAY_SECONDS = 60;

/** Reads a token as of a time. */
export function readToken(token: string, { keys, nowMs }: { keys: readonly ReaderKey[]; nowMs: number }): Reading {
  if (token.length > 8_192) return { fault: "too long" };
  const parts = token.split(".");
  if (parts.length !== 3) return { fault: "not three parts" };
  const bytes = parts.map(bytesOf);
  if (!bytes.every((part) => part !== undefined)) return { fault: "not in the one form" };
  const header = objectOf(bytes[0]);
  if (header === undefined) return { fault: "header" };
  if ("crit" in header) return { fault: "crit" };
  const named = keys.filter(({ id, algorithm }) =>
    (header.kid === undefined || header.kid === "" || header.kid === id) && header.alg === algorithm
  );
  if (named.length === 0) return { fault: "no such key" };
  const input = new TextEncoder().encode(`${parts[0]}.${parts[1]}`);
  if (!named.some((key) => isSigned(input, { key, signature: bytes[2] }))) return { fault: "signature" };
  return claimed(objectOf(bytes[1]), Math.floor(nowMs / 1_000));
}

function claimed(claims: Record<string, unknown> | undefined, now: number): Reading {
  if (claims === undefined) return { fault: "claims" };
  const { iss, aud, sub, iat, nbf, exp } = claims;
  if (iss !== "telemeter.selfsigned") return { fault: "issuer" };
  if (aud !== "federate" && !(Array.isArray(aud) && aud.includes("federate"))) return { fault: "audience" };
  if (typeof iat !== "number") return { fault: "iat" };
  if (typeof nbf !== "number" || nbf > now + LEEWAY_SECONDS) return { fault: "nbf" };
  if (typeof exp !== "number" || exp <= now - LEEWAY_SECONDS) return { fault: "exp" };
  if (typeof sub !== "string") return { fault: "sub" };
  const { labels } = (claims["telemeter.openshift.io"] ?? {}) as { labels?: Record<string, unknown> };
  if (typeof labels !== "object" || labels === null || Array.isArray(labels)) return { fault: "labels" };
  for (const [name, value] of Object.entries(labels)) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]{0,254}$/.test(name) || name === "__name__") return { fault: "label name" };
    if (typeof value !== "string" || !value.isWellFormed()) return { fault: "label value" };
    if (new TextEncoder().encode(value).length > 255) return { fault: "long label value" };
  }
  return { labels: labels as Record<string, string>, subject: sub };
}

/** The bytes of base64url that has no other form: each letter is one of 64, and what is left over of the last one is 0. */
function bytesOf(part: string): Uint8Array | undefined {
  const digits = [...part].map((letter) => ALPHABET.indexOf(letter));
  const spare = digits.length * 6 % 8;
  if (digits.length === 0 || digits.includes(-1) || spare === 6 || (digits.at(-1)! & (1 << spare) - 1) !== 0) {
    return undefined;
  }
  const bytes: number[] = [];
  let bits = 0, held = 0;
  for (const digit of digits) {
    held = (held << 6 | digit) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push(held >> bits & 0xff);
  }
  return Uint8Array.from(bytes);
}

function objectOf(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isSigned(
  input: Uint8Array,
  { key: { algorithm, key }, signature }: { key: ReaderKey; signature: Uint8Array },
): boolean {
  if (signature.length !== { ES256: 64, ES384: 96 }[algorithm]) return false;
  return verify(`sha${algorithm.slice(2)}`, input, { key, dsaEncoding: "ieee-p1363" }, signature);
}
