/**
 * The tokens that clients push with: JSON Web Tokens (RFC 7519) with the labels that every sample of the client carries.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { base64url, CompactSign, decodeProtectedHeader, errors, jwtVerify } from "jose";
import { BoundedMap } from "../../common/bounded_map.ts";
import { isClassicLabelName, METRIC_NAME_LABEL } from "../../common/exposition/names.ts";
import { HttpError } from "../../common/http/http.ts";
import type { SigningKey, VerifyingKey } from "./token_keys.ts";
import { hasStamp, stampOf } from "./token_stamp.ts";

const ISSUER = "telemeter.selfsigned";
const AUDIENCE = "federate";
const LABELS_CLAIM = "telemeter.openshift.io";
/** The parameter of the header that holds the stamp. */
const STAMP = "stamp";
/** How far clocks may be apart. */
const LEEWAY_SECONDS = 60;

/** The longest token that is issued or looked at, in bytes; the ones that we issue have 400 and the longest id adds 2,000. */
export const MAX_TOKEN_BYTES = 8_192;

/** The longest name and value of a label in a token, in bytes of UTF-8: what is longer could not be on a sample either. */
export const MAX_LABEL_BYTES = 255;

/** What a token says of its client. */
export interface VerifiedToken {
  /** The labels that all samples of the client must have, with these values. */
  readonly labels: ReadonlyMap<string, string>;
  /** The account that the client belongs to: the claim `sub`. */
  readonly subject: string;
  /** When the token expires, in milliseconds since the epoch; it is accepted for a minute longer. */
  readonly expiresAtMs: number;
  /** The id of the key that verified it. */
  readonly keyId: string;
}

/** What {@linkcode TokenSigner.sign} puts into a token. */
export interface TokenContent {
  /** The labels that all samples of the client must have. */
  readonly labels: ReadonlyMap<string, string>;
  /** The account that the client belongs to: the claim `sub`. */
  readonly subject: string;
  /** How long the token is valid, in seconds. */
  readonly expireSeconds: number;
  /** The time, in milliseconds since the epoch. */
  readonly now: number;
}

/** Issues tokens. */
export class TokenSigner {
  readonly #key: SigningKey;

  /** Signs with `key`. */
  constructor(key: SigningKey) {
    this.#key = key;
  }

  /**
   * Issues a token that is valid from now on.
   *
   * @throws {RangeError} if a label or the whole is such that no {@linkcode TokenVerifier} would take it.
   */
  async sign({ labels, subject, expireSeconds, now }: TokenContent): Promise<string> {
    const claim = Object.fromEntries(labels);
    if (labelsOf(claim) === undefined) {
      throw new RangeError("Cannot sign a token whose labels have a bad name or value");
    }
    const issuedAt = Math.floor(now / 1_000);
    const claims = {
      [LABELS_CLAIM]: { labels: claim },
      iss: ISSUER,
      aud: [AUDIENCE],
      sub: subject,
      iat: issuedAt,
      nbf: issuedAt,
      exp: issuedAt + expireSeconds,
    };
    const content = encoder.encode(JSON.stringify(claims));
    const { algorithm, id, stampSecret, privateKey } = this.#key;
    const stamp = stampOf(base64url.encode(content), stampSecret);
    const token = await new CompactSign(content)
      .setProtectedHeader({ alg: algorithm, kid: id, [STAMP]: stamp })
      .sign(privateKey);
    if (token.length > MAX_TOKEN_BYTES) {
      throw new RangeError(`Cannot sign a token of ${token.length} bytes: the limit is ${MAX_TOKEN_BYTES}`);
    }
    return token;
  }
}

/** How a {@linkcode TokenVerifier} works. */
export interface TokenVerifierOptions {
  /**
   * Verified tokens remembered, so that a client's further pushes cost a look-up in place of a signature (170–300 µs). The
   * half used last is always remembered. About 1 KB each.
   *
   * @default {20_000}
   */
  readonly maxRemembered?: number;
  /**
   * The time, in milliseconds since the epoch.
   *
   * @default {Date.now}
   */
  readonly now?: () => number;
}

/** What a token looks like before its signature has been checked. */
export interface Glance {
  /** Whose it is, by our stamp: the labels, in a few letters. */
  readonly client?: string;
}

/** A verified token, with the times between which it is accepted, leeway included. */
interface Remembered {
  /** The hash of what is signed. */
  readonly content: string;
  readonly verified: VerifiedToken;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Verifies tokens by any of several keys. */
export class TokenVerifier {
  /** The ids of the keys, sorted: two servers with one in common understand each other's tokens. */
  readonly keyIds: readonly string[];
  readonly #keys: ReadonlyMap<string, VerifyingKey>;
  /** By a hash of the token, as that is long. */
  readonly #remembered: BoundedMap<string, Remembered>;
  /** The hashes of tokens that are remembered of one client. */
  readonly #ofClient: BoundedMap<string, string[]>;
  readonly #now: () => number;

  /** Verifies by `keys`, whose order does not matter. */
  constructor(keys: Iterable<VerifyingKey>, { maxRemembered = 20_000, now = Date.now }: TokenVerifierOptions = {}) {
    this.#keys = new Map(Array.from(keys, (key) => [key.id, key]));
    this.keyIds = [...this.#keys.keys()].sort();
    this.#remembered = new BoundedMap(maxRemembered);
    this.#ofClient = new BoundedMap(maxRemembered);
    this.#now = now;
  }

  /** Tokens remembered now. */
  get remembered(): number {
    return this.#remembered.size;
  }

  /** What a token says that was verified before and is still good; nothing is computed for it. */
  recall(token: string): VerifiedToken | undefined {
    const now = this.#now();
    const key = hashOf(token);
    const known = this.#remembered.get(key);
    if (known === undefined) return undefined;
    if (now >= known.fromMs && now < known.untilMs) return known.verified;
    this.#remembered.delete(key);
    return undefined;
  }

  /**
   * Verifies a token: its signature, issuer, audience, times and labels.
   *
   * @throws {HttpError} 401, always the same, whatever is wrong with the token.
   */
  async verify(token: string): Promise<VerifiedToken> {
    const known = this.recall(token);
    if (known !== undefined) return known;
    const found = await this.#verify(token, this.#now());
    if (found === undefined) throw notAuthorized();
    this.#remember(hashOf(token), found);
    return found.verified;
  }

  /**
   * Looks at a token without checking its signature; undefined if no signature could make it a good one: it has another form
   * than ours, names no key of ours, or is out of its time. Who looks at what passes may be anybody, unless a stamp says whose
   * it is: tokens of other makes, and of keys of which only the public half is known, have none.
   */
  glance(token: string): Glance | undefined {
    if (!isCanonical(token) || this.#candidates(token).length === 0) return undefined;
    const [, content] = token.split(".");
    const { kid, [STAMP]: stamp } = decodeProtectedHeader(token);
    const claims = claimsOf(content);
    const now = this.#now();
    if (claims?.iss !== ISSUER || !(now < untilMs(claims.exp)) || !(now >= fromMs(claims.nbf))) return undefined;
    const secret = this.#keys.get(String(kid))?.stampSecret;
    if (secret === undefined || !hasStamp(content, { stamp, secret })) return {};
    return { client: hash("sha256", JSON.stringify(claims[LABELS_CLAIM] ?? null), "base64") };
  }

  /**
   * Remembers a token, and of each client only a few, so that no client takes the place of others. Whoever has one ECDSA signature
   * (r, s) can write down a second one (r, n - s) that is as good (ANSI X9.62), and what a key signs at random may have any number of
   * good ones: a token takes the place of one that says the same.
   */
  #remember(key: string, found: Remembered) {
    const client = JSON.stringify([...found.verified.labels]);
    const keys: string[] = [];
    for (const other of this.#ofClient.get(client) ?? []) {
      if (this.#remembered.get(other)?.content === found.content) this.#remembered.delete(other);
      else keys.push(other);
    }
    keys.push(key);
    if (keys.length > MAX_OF_CLIENT) this.#remembered.delete(keys.shift()!);
    this.#ofClient.set(client, keys);
    this.#remembered.set(key, found);
  }

  async #verify(token: string, now: number): Promise<Remembered | undefined> {
    if (!isCanonical(token)) return undefined;
    for (const key of this.#candidates(token)) {
      try {
        const { payload } = await jwtVerify(token, key.publicKey, {
          algorithms: [key.algorithm],
          issuer: ISSUER,
          audience: AUDIENCE,
          requiredClaims: ["sub", "iat", "nbf", "exp"],
          clockTolerance: LEEWAY_SECONDS,
          currentDate: new Date(now),
        });
        const labels = labelsOf((payload[LABELS_CLAIM] as { labels?: unknown } | null | undefined)?.labels);
        const { sub, nbf, exp } = payload;
        if (labels === undefined || typeof sub !== "string" || nbf === undefined || exp === undefined) return undefined;
        return {
          content: hashOf(token.slice(0, token.lastIndexOf("."))),
          verified: { labels, subject: sub, expiresAtMs: exp * 1_000, keyId: key.id },
          fromMs: fromMs(nbf),
          untilMs: untilMs(exp),
        };
      } catch (error) {
        if (error instanceof errors.JWSSignatureVerificationFailed) continue;
        if (error instanceof errors.JOSEError) return undefined;
        throw error;
      }
    }
    return undefined;
  }

  /**
   * The keys that may have signed a token. A header can only narrow the choice: to the key it names, and to keys of its
   * algorithm. openshift/telemeter names none, with `"kid":""`.
   */
  #candidates(token: string): VerifyingKey[] {
    let header;
    try {
      header = decodeProtectedHeader(token);
    } catch {
      return [];
    }
    const { kid, alg } = header;
    const named = kid === undefined || kid === "" ? [...this.#keys.values()] : [this.#keys.get(kid)];
    return named.filter((key) => key !== undefined && key.algorithm === alg) as VerifyingKey[];
  }
}

/** When a token is good from, and until when; not a number if what says so is none. */
function fromMs(notBefore: unknown): number {
  return typeof notBefore === "number" ? (notBefore - LEEWAY_SECONDS) * 1_000 : NaN;
}

function untilMs(expiry: unknown): number {
  return typeof expiry === "number" ? (expiry + LEEWAY_SECONDS) * 1_000 : NaN;
}

/** The claims of a token, which nobody has vouched for yet. */
function claimsOf(content: string): Record<string, unknown> | undefined {
  try {
    const claims: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(base64url.decode(content)));
    return typeof claims === "object" && claims !== null ? { ...claims } : undefined;
  } catch {
    return undefined;
  }
}

/** Tokens of one client that are remembered: the one before is still used while a new one is exchanged. */
const MAX_OF_CLIENT = 4;

/** What stands for a token in memory. */
function hashOf(text: string): string {
  return hash("sha256", text, "base64");
}

/**
 * Whether a token has the one form that ours have (RFC 7515, section 3.1, and RFC 4648, section 3.5): three parts of base64url
 * without padding, line breaks or bits that say nothing. Of others a client could make any number that verify alike.
 */
function isCanonical(token: string): boolean {
  return token.length <= MAX_TOKEN_BYTES && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) &&
    token.split(".").every((part) => Buffer.from(part, "base64url").toString("base64url") === part);
}

/**
 * The bearer token of a request's `Authorization` header (RFC 6750 section 2.1).
 *
 * @throws {HttpError} 401 if there is none, or it is longer than {@linkcode MAX_TOKEN_BYTES}.
 */
export function bearerToken(request: Request): string {
  const [, scheme, token] = /^(\S+) +(\S.*)$/.exec(request.headers.get("authorization") ?? "") ?? [];
  if (scheme?.toLowerCase() !== "bearer" || token.length > MAX_TOKEN_BYTES) throw notAuthorized();
  return token;
}

/** The one answer to every token that is not good: it does not tell which check failed. */
export function notAuthorized(): HttpError {
  return new HttpError(401, "Cannot let this request in as it carries no valid bearer token", {
    reason: "token",
    headers: { "www-authenticate": "Bearer" },
  });
}

const encoder = new TextEncoder();

/** True for text that can be a label's value on a sample: it has a UTF-8 form, of at most {@linkcode MAX_LABEL_BYTES}. */
export function isLabelValue(text: string): boolean {
  return text.isWellFormed() && text.length <= MAX_LABEL_BYTES && encoder.encode(text).length <= MAX_LABEL_BYTES;
}

/** The labels of a claim; undefined unless every one is a proper label. */
function labelsOf(claim: unknown): ReadonlyMap<string, string> | undefined {
  if (typeof claim !== "object" || claim === null || Array.isArray(claim)) return undefined;
  const labels = new Map<string, string>();
  for (const [name, value] of Object.entries(claim)) {
    if (!isClassicLabelName(name) || name.length > MAX_LABEL_BYTES || name === METRIC_NAME_LABEL) return undefined;
    if (typeof value !== "string" || !isLabelValue(value)) return undefined;
    labels.set(name, value);
  }
  return labels;
}
