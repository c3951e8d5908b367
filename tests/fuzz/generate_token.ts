/**
 * Makes tokens: good ones, ones that are signed and say odd things, and ones that somebody has had hands on.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { type KeyObject, sign } from "node:crypto";
import { compact, type Json, signedBySecret } from "../support/jwt.ts";
import type { Random } from "../support/random.ts";
import { mutated } from "./fuzz_target.ts";
import { mutateJson } from "./mutate_json.ts";
import type { ReaderKey } from "./token_reader.ts";

/** A key that tokens can be signed with. */
export interface MakerKey extends ReaderKey {
  /** Its private half. */
  readonly privateKey: KeyObject;
}

/** What tokens are made of. */
export interface TokenSources {
  /** Where chance comes from. */
  readonly random: Random;
  /** Keys: the last one is of somebody else. */
  readonly keys: readonly MakerKey[];
  /** The time of the verifier, in milliseconds. */
  readonly nowMs: number;
  /** An earlier token that was worth keeping, if there is one. */
  readonly earlier: () => string | undefined;
}

/** Makes one token, or what was one. */
export function generateToken(sources: TokenSources): string {
  const { random } = sources;
  const token = (random.chance(0.4) ? sources.earlier() : undefined) ?? freshToken(sources);
  if (random.chance(0.4)) return token;
  const other = sources.earlier() ?? token;
  return mutated(token, { random, ways: WAYS.map((way) => (text, random) => way(text, { random, other })) });
}

function freshToken({ random, keys, nowMs }: TokenSources): string {
  const now = Math.floor(nowMs / 1_000), key = random.pick(keys);
  const known = [...keys.flatMap(({ id, algorithm }) => [id, algorithm]), "", "HS256", "none", now, now - 60, now + 60];
  const sources = { random, known: [...known, "federate", "telemeter.selfsigned", ["federate"], { _id: "another" }] };
  let header: unknown = {
    alg: key.algorithm,
    kid: random.pick([key.id, key.id, "", undefined]),
    stamp: "AAAAAAAAAAAA",
  };
  let claims: unknown = {
    "telemeter.openshift.io": { labels: { _id: random.pick(["one", "two", "é🦕"]), tenant: "a" } },
    iss: "telemeter.selfsigned",
    aud: ["federate"],
    sub: "account",
    iat: now,
    nbf: now + random.pick([0, 59, 60, 61]),
    exp: now + random.pick([86_400, -59, -60, -61]),
  };
  if (random.chance(0.3)) header = mutateJson(header, sources);
  if (random.chance(0.4)) claims = mutateJson(claims, sources);
  const json = random.chance(0.05) ? odd(JSON.stringify(claims ?? null), random) : JSON.stringify(claims ?? null);
  const head = header as Json;
  switch (random.below(12)) {
    case 0:
      return compact({ ...head, alg: random.pick(["none", "None", "NONE", ""]) }, json, () => new Uint8Array());
    case 1: {
      const pem = key.key.export({ type: "spki", format: random.pick(["pem", "der"] as const) as "pem" });
      return signedBySecret({ ...head, alg: "HS256" }, claims as Json, pem);
    }
    case 2:
      return compact(head, json, () => random.bytes(random.pick([0, 1, 63, 64, 65, 96, 256])));
    default:
      return compact(head, json, (input) => signature(input, random.chance(0.1) ? random.pick(keys) : key));
  }
}

function signature(input: string, { algorithm, privateKey: key }: MakerKey): Uint8Array {
  return sign(`sha${algorithm.slice(2)}`, Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
}

/** JSON that some readers read otherwise than others. */
function odd(json: string, random: Random): string {
  return random.pick([
    `\ufeff${json}`,
    ` ${json}\n`,
    json.replace("{", '{"sub":"first",'),
    json.replace(/"exp":\d+/, '"exp":1e999'),
    json.replace(/"_id":"\w+"/, '"_id":"\\ud800"'),
    json.replace("{", '{"__proto__":{"sub":"x"},'),
    `${json}x`,
    `[${json}]`,
  ]);
}

type Way = (token: string, sources: { random: Random; other: string }) => string;

const INSERTED = [" ", "\t", "\n", "\r\n", "=", "==", "%3D", ".", "+", "/", "-", "_", "A", "\0", "é", "\u2028", ","];

/** What is done to tokens by those who know how they are made. */
const WAYS: readonly Way[] = [
  (token, { random }) => {
    const at = random.pick([
      0,
      token.length,
      token.indexOf("."),
      token.lastIndexOf("."),
      random.below(token.length + 1),
    ]);
    return token.slice(0, at) + random.pick(INSERTED) + token.slice(at);
  },
  // The last letter of a part has bits that some readers do not look at.
  (token, { random }) => {
    const ends = [...token.matchAll(/[\w-](?=\.|$)/g)].map(({ index }) => index);
    if (ends.length === 0) return token;
    const at = random.pick(ends), alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const digit = alphabet.indexOf(token[at]) ^ 1 << random.below(6);
    return token.slice(0, at) + alphabet[digit] + token.slice(at + 1);
  },
  (token, { random }) => {
    const at = random.below(token.length);
    return token.slice(0, at) + random.pick(["A", "Z", "a", "-", "_", "9"]) + token.slice(at + 1);
  },
  (token, { random }) => token.slice(0, random.below(token.length + 1)),
  (token, { random, other }) => {
    const [ours, theirs] = [token.split("."), other.split(".")], at = random.below(3);
    return ours.with(Math.min(at, ours.length - 1), theirs[at] ?? "").join(".");
  },
  (token, { random }) => {
    const parts = token.split(".");
    return random.pick([[...parts, ""], ["", ...parts], parts.toReversed(), [...parts, ...parts], parts.slice(1)]).join(
      ".",
    );
  },
  (token) => token.replaceAll("-", "+").replaceAll("_", "/"),
  (token) => token.split(".").map((part) => part + "=".repeat((4 - part.length % 4) % 4)).join("."),
  (token, { random }) => {
    const parts = token.split(".");
    const at = random.below(parts.length), bytes = Buffer.from(parts[at], "base64url");
    return parts.with(at, Buffer.concat([bytes, random.bytes(random.size(12_000))]).toString("base64url")).join(".");
  },
];
