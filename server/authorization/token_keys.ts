/**
 * The keys that sign and verify tokens: read from PEM, or generated, each bound to the one algorithm that its type allows.
 *
 * @module
 */

import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import type { Logger } from "../../common/log.ts";
import { readNamedFile } from "../../common/named_path.ts";
import { stampSecretOf } from "./token_stamp.ts";

/** The signature algorithms of tokens (RFC 7518 section 3). */
export type Algorithm = "ES256" | "ES384" | "ES512" | "RS256";

/** A public key that verifies tokens. */
export interface VerifyingKey {
  /** The RFC 7638 SHA-256 thumbprint: the `kid` of the tokens it verifies, and safe to show. */
  readonly id: string;
  /** The only algorithm that is ever tried with it, whatever a token's header says. */
  readonly algorithm: Algorithm;
  /** The key itself, for verifying alone. */
  readonly publicKey: CryptoKey;
  /** Makes the stamps of its tokens; undefined where only the public half is known. */
  readonly stampSecret?: Uint8Array;
}

/** A key pair that signs tokens. */
export interface SigningKey extends VerifyingKey {
  /** The private half, which cannot be exported. */
  readonly privateKey: CryptoKey;
  /** Makes the stamps of its tokens. */
  readonly stampSecret: Uint8Array;
}

const CURVE_ALGORITHMS: Readonly<Record<string, Algorithm>> = { "P-256": "ES256", "P-384": "ES384", "P-521": "ES512" };

/** RFC 7518 section 3.3 demands it of RS256. */
const LEAST_RSA_BITS = 2_048;

/**
 * Reads the first private key of a PEM text, as PKCS#8, PKCS#1 (RSA) or SEC1 (elliptic curves).
 *
 * @throws {SyntaxError} if there is none, or it is encrypted, or is of a kind that signs no tokens.
 */
export async function readSigningKey(pem: string): Promise<SigningKey> {
  const block = pemBlock(pem, /^(?:RSA |EC )?PRIVATE KEY$/);
  if (block === undefined) {
    throw new SyntaxError("Cannot find a private key in it: write one in PEM, as PKCS#8, PKCS#1 or SEC1");
  }
  const key = keyOf(block, createPrivateKey);
  const jwk = key.export({ format: "jwk" }) as JWK;
  const algorithm = algorithmOf(jwk);
  const privateKey = await importJWK(jwk, algorithm) as CryptoKey;
  return { ...await verifyingKey(createPublicKey(key), algorithm), privateKey, stampSecret: secretOf(key) };
}

/**
 * Reads the first key of a PEM text for verifying: a public key, a certificate, or the public half of a private key.
 *
 * @throws {SyntaxError} if there is none, or it is of a kind that signs no tokens.
 */
export async function readVerifyingKey(pem: string): Promise<VerifyingKey> {
  const block = pemBlock(pem, /^(?:(?:RSA )?PUBLIC KEY|CERTIFICATE|(?:RSA |EC )?PRIVATE KEY)$/);
  if (block === undefined) {
    throw new SyntaxError("Cannot find a public key in it: write a public key or a certificate in PEM");
  }
  const key = keyOf(block, createPublicKey);
  const verifying = await verifyingKey(key, algorithmOf(key.export({ format: "jwk" }) as JWK));
  const isPrivate = /PRIVATE KEY-----/.test(block);
  return isPrivate ? { ...verifying, stampSecret: secretOf(keyOf(block, createPrivateKey)) } : verifying;
}

/** Makes a key pair that lives as long as the process. */
export async function generateSigningKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const id = await calculateJwkThumbprint(await exportJWK(publicKey));
  return { id, algorithm: "ES256", publicKey, privateKey, stampSecret: crypto.getRandomValues(new Uint8Array(32)) };
}

/** The same for one key in whatever form it was written. */
function secretOf(key: KeyObject): Uint8Array {
  return stampSecretOf(key.export({ type: "pkcs8", format: "der" }));
}

/** The keys of a server. */
export interface TokenKeys {
  /** Signs the tokens that it issues. */
  readonly signing: SigningKey;
  /** Verify those that it takes; the signing key is among them. */
  readonly verifying: readonly VerifyingKey[];
}

/** Where {@linkcode openTokenKeys} finds the keys. */
export interface TokenKeyFiles {
  /** The file of `--shared-key`. */
  readonly sharedKey?: string;
  /** The files of `--verify-key`. */
  readonly verifyKeys: readonly string[];
  /** Told of what an operator should know about the keys. */
  readonly log: Logger;
}

/**
 * Reads the keys that the command line names. To change the signing key, first give every server the new one as
 * `--verify-key`, then make it the `--shared-key` with the old one as `--verify-key` until the last old token has expired.
 *
 * @throws {UsageError} if a file cannot be read or holds no usable key.
 */
export async function openTokenKeys({ sharedKey, verifyKeys, log }: TokenKeyFiles): Promise<TokenKeys> {
  if (sharedKey === undefined) {
    log.warn(
      "Signs tokens with a temporary key as --shared-key is not set: they are valid until this process ends",
      {},
    );
  }
  const signing = sharedKey === undefined
    ? await generateSigningKey()
    : await readNamedFile(sharedKey, { flag: "--shared-key", parse: readSigningKey });
  const others = verifyKeys.map((path) => readNamedFile(path, { flag: "--verify-key", parse: readVerifyingKey }));
  return { signing, verifying: [signing, ...await Promise.all(others)] };
}

/** The first block whose label matches: `openssl ecparam -genkey` puts its parameters before the key. */
function pemBlock(pem: string, label: RegExp): string | undefined {
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    throw new SyntaxError("Cannot use an encrypted key: decrypt it with 'openssl pkey'");
  }
  const blocks = pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g);
  return blocks.find((block) => label.test(block[1]))?.[0];
}

function keyOf(block: string, create: (pem: string) => KeyObject): KeyObject {
  try {
    return create(block);
  } catch {
    // The cause is left out as it may quote what it could not read.
    throw new SyntaxError("Cannot read the key in it: the PEM is damaged or of an unknown kind");
  }
}

function algorithmOf(jwk: JWK): Algorithm {
  const algorithm = jwk.kty === "RSA" ? "RS256" : CURVE_ALGORITHMS[jwk.crv ?? ""];
  if (algorithm === undefined) {
    throw new SyntaxError("Cannot sign tokens with a key of this kind: use one of P-256, P-384, P-521 or RSA");
  }
  // Base64url holds 6 bits a digit.
  if (algorithm === "RS256" && (jwk.n ?? "").length * 6 < LEAST_RSA_BITS) {
    throw new SyntaxError(`Cannot sign tokens with an RSA key of less than ${LEAST_RSA_BITS} bits`);
  }
  return algorithm;
}

async function verifyingKey(key: KeyObject, algorithm: Algorithm): Promise<VerifyingKey> {
  const jwk = key.export({ format: "jwk" }) as JWK;
  const publicKey = await importJWK(jwk, algorithm) as CryptoKey;
  return { id: await calculateJwkThumbprint(jwk), algorithm, publicKey };
}
