/**
 * Tokens as a target of the fuzzer: whatever comes in place of one is refused with the one 401, or stands for whom its signer
 * meant, as an independent reader says.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createECDH, createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { stackOf } from "../../common/explain.ts";
import { HttpError } from "../../common/http/http.ts";
import { authentication, SIGNATURE_LIMITS } from "../../server/authorization/authenticate.ts";
import { readSigningKey, readVerifyingKey } from "../../server/authorization/token_keys.ts";
import { TokenVerifier, type VerifiedToken } from "../../server/authorization/tokens.ts";
import type { Random } from "../support/random.ts";
import type { Earlier, FuzzTarget } from "./fuzz_target.ts";
import { generateToken, type MakerKey } from "./generate_token.ts";
import { NOW_MS } from "./push_target.ts";
import { type Reading, readToken } from "./token_reader.ts";
import type { Finding, Verdict } from "./verdict.ts";

/** Tokens that the verifier remembers: few, so that they are forgotten as well. */
const MAX_REMEMBERED = 50;

/** The curves of the keys. */
const CURVES = ["P-256", "P-384", "P-256", "P-256"] as const;

/** Keys that are always the same, so that a token which was kept means the same again. */
function fixedKeys(curve: typeof CURVES[number], seed: number): { publicKey: KeyObject; privateKey: KeyObject } {
  const bytes = { "P-256": 32, "P-384": 48 }[curve];
  const scalar = Buffer.alloc(bytes, createHash("sha512").update(`fuzz ${seed}`).digest());
  // Below the order of each curve.
  scalar[0] = 0;
  const half = createECDH({ "P-256": "prime256v1", "P-384": "secp384r1" }[curve]);
  half.setPrivateKey(scalar);
  const point = half.getPublicKey(), part = (from: number) => point.subarray(from, from + bytes).toString("base64url");
  const jwk = { kty: "EC", crv: curve, d: scalar.toString("base64url"), x: part(1), y: part(1 + bytes) };
  const privateKey = createPrivateKey({ key: jwk, format: "jwk" });
  return { publicKey: createPublicKey(privateKey), privateKey };
}

/** The target. */
export class Tokens implements FuzzTarget<string> {
  readonly #keys: readonly MakerKey[];
  readonly #verifier: TokenVerifier;
  readonly #authenticate: ReturnType<typeof authentication>;

  private constructor(keys: readonly MakerKey[], verifier: TokenVerifier) {
    this.#keys = keys;
    this.#verifier = verifier;
    // As many as come are looked at.
    const shares = { ...SIGNATURE_LIMITS, penaltyMs: 0 };
    this.#authenticate = authentication({ verifier, partitionLabel: "_id", shares });
  }

  /** Makes keys: one that signs, two that verify, of one of which only the public half is known, and one of somebody else. */
  static async open(): Promise<Tokens> {
    const pairs = CURVES.map((curve, index) => fixedKeys(curve, index + 1));
    const read = pairs.map(({ privateKey }) =>
      readSigningKey(privateKey.export({ type: "pkcs8", format: "pem" }).toString())
    );
    const [own, large, other, foreign] = await Promise.all(read);
    const publicOnly = await readVerifyingKey(pairs[2].publicKey.export({ type: "spki", format: "pem" }).toString());
    const keys = [own, large, other, foreign].map(({ id, algorithm }, index): MakerKey => {
      const { publicKey: key, privateKey } = pairs[index];
      return { id, algorithm: algorithm as MakerKey["algorithm"], key, privateKey };
    });
    const options = { now: () => NOW_MS, maxRemembered: MAX_REMEMBERED };
    return new Tokens(keys, new TokenVerifier([own, large, publicOnly], options));
  }

  /** Makes a token. */
  generate(random: Random, earlier: Earlier<string>): string {
    return generateToken({ random, keys: this.#keys, nowMs: NOW_MS, earlier });
  }

  /** Has it verified, by itself and in a header. */
  async check(token: string): Promise<Verdict<string>> {
    const reading = readToken(token, { keys: this.#keys.slice(0, -1), nowMs: NOW_MS });
    const verified = await this.#verified(token);
    const isGood = "labels" in reading, accepted = "labels" in verified;
    const finding = this.#findingOf(reading, verified) ?? await this.#inHeader(token);
    return {
      answer: accepted ? "200" : "401",
      accepted,
      feature: isGood ? shapeOf(reading) : `${reading.fault} ${Math.ceil(Math.log2(token.length + 1))}`,
      agrees: isGood === accepted,
      ...finding && { finding },
    };
  }

  /** A token as bytes. */
  write(token: string): Uint8Array {
    return new TextEncoder().encode(JSON.stringify(token) + "\n");
  }

  /** Bytes as a token. */
  read(bytes: Uint8Array): string {
    return JSON.parse(new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0x0a))));
  }

  async #verified(token: string): Promise<VerifiedToken | { readonly error: unknown }> {
    try {
      const glance = this.#verifier.glance(token);
      if (glance !== undefined && typeof glance !== "object") throw new TypeError("glance() sees what is nothing");
      return await this.#verifier.verify(token);
    } catch (error) {
      return { error };
    }
  }

  #findingOf(reading: Reading, verified: VerifiedToken | { readonly error: unknown }): Finding | undefined {
    if ("error" in verified) {
      const { error } = verified;
      if (!(error instanceof HttpError) || error.status !== 401) {
        return { what: "verify() throws what is no 401", detail: stackOf(error) };
      }
      if (error.message.length > 200) return { what: "a 401 says more than the others", detail: error.message };
      return "fault" in reading
        ? undefined
        : { what: "a token is refused that is good", detail: JSON.stringify(reading) };
    }
    if ("fault" in reading) {
      return { what: "a token is taken that is not good", detail: `${reading.fault}: ${JSON.stringify(verified)}` };
    }
    const said = JSON.stringify([Object.fromEntries(verified.labels), verified.subject]);
    const meant = JSON.stringify([reading.labels, reading.subject]);
    if (said !== meant) return { what: "a token stands for somebody else", detail: `${said} in place of ${meant}` };
    if (this.#verifier.remembered <= MAX_REMEMBERED) return undefined;
    return { what: "too many tokens are remembered", detail: String(this.#verifier.remembered) };
  }

  /** In a header a token has lost the blanks before it and what is white behind it, and whoever it is then for is the one who is let in. */
  async #inHeader(token: string): Promise<Finding | undefined> {
    let request: Request;
    try {
      request = new Request("http://localhost/upload", { headers: { authorization: `Bearer ${token}` } });
    } catch {
      // No header can hold it.
      return undefined;
    }
    const bare = token.replace(/^ +|[ \t\r\n]+$/g, "");
    const reading = readToken(bare, { keys: this.#keys.slice(0, -1), nowMs: NOW_MS });
    const wanted = "labels" in reading ? reading.labels._id : undefined;
    try {
      const { id } = await this.#authenticate(request, { address: "127.0.0.1" });
      if (id === wanted) return undefined;
      return { what: "a header lets in somebody else", detail: `${id} in place of ${wanted}` };
    } catch (error) {
      if (!(error instanceof HttpError) || error.status !== 401) {
        return { what: "a header ends in what is no 401", detail: stackOf(error) };
      }
      if (wanted === undefined || wanted === "") return undefined;
      return { what: "a header is refused that is good", detail: wanted };
    }
  }
}

function shapeOf(reading: Reading): string {
  if ("fault" in reading) return reading.fault;
  const { labels, subject } = reading;
  return `good ${Object.keys(labels).length} ${Math.ceil(Math.log2(subject.length + 1))} ${"_id" in labels}`;
}
