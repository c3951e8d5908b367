/**
 * JSON Web Tokens built by hand with node:crypto: an independent reading of RFC 7515, which also writes what no library would.
 *
 * @module
 */

import { createHmac, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";

/** Any claims or header. */
export type Json = Record<string, unknown>;

const base64url = (data: string | Uint8Array) => Buffer.from(data as string).toString("base64url");

/** The hash and the way of signing of each algorithm. */
const HASHES: Record<string, string> = { ES256: "sha256", ES384: "sha384", ES512: "sha512", RS256: "sha256" };

/** A key pair for elliptic curve signatures. */
export function ecKeys(namedCurve = "P-256"): { publicKey: KeyObject; privateKey: KeyObject; pem: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve });
  return { publicKey, privateKey, pem: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

/** Joins header, claims (an object or raw text) and the signature that `signature` makes of them. */
export function compact(header: Json, claims: Json | string, signature: (input: string) => Uint8Array): string {
  const payload = typeof claims === "string" ? claims : JSON.stringify(claims);
  const input = `${base64url(JSON.stringify(header))}.${base64url(payload)}`;
  return `${input}.${base64url(signature(input))}`;
}

/** Signs properly, by the algorithm that the header names. */
export function signed(header: Json, claims: Json | string, key: KeyObject): string {
  const hash = HASHES[String(header.alg)] ?? "sha256";
  return compact(header, claims, (input) => sign(hash, Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }));
}

/** Signs with a shared secret. */
export function signedBySecret(header: Json, claims: Json, secret: string | Uint8Array): string {
  return compact(header, claims, (input) => createHmac("sha256", secret).update(input).digest());
}

/** Takes a token apart, and says whether `key` signed it by the algorithm that its header names. */
export function opened(token: string, key: KeyObject): { header: Json; claims: Json; good: boolean } {
  const [header, claims, signature] = token.split(".");
  const parsed = [header, claims].map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));
  const data = Buffer.from(`${header}.${claims}`);
  const good = verify(
    HASHES[parsed[0].alg],
    data,
    { key, dsaEncoding: "ieee-p1363" },
    Buffer.from(signature, "base64url"),
  );
  return { header: parsed[0], claims: parsed[1], good };
}

/** The order of the group of P-256 (FIPS 186-4, D.1.2.3). */
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The same ES256 token with the other signature that is as good as its own: (r, n - s) for (r, s). */
export function twinOf(token: string): string {
  const at = token.lastIndexOf(".") + 1;
  const signature = Buffer.from(token.slice(at), "base64url");
  const s = BigInt(`0x${signature.subarray(32).toString("hex")}`);
  const other = (P256_ORDER - s).toString(16).padStart(64, "0");
  return token.slice(0, at) + base64url(Buffer.concat([signature.subarray(0, 32), Buffer.from(other, "hex")]));
}
