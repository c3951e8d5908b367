/**
 * Replaces label values by a salted hash: `--anonymize-labels`.
 *
 * @module
 */

// Loaded with the first value to hash: with what it brings along it takes 5 MB.
import defer * as crypto from "node:crypto";
import { BoundedMap } from "../../common/bounded_map.ts";
import type { Label } from "../../common/exposition/metric_family.ts";
import type { Transform } from "./pipeline.ts";

/** The bytes of a hash that are kept: few values share a label, and nine bytes are twelve characters without padding. */
const KEPT_BYTES = 9;

/** How to anonymize. */
export interface AnonymizeOptions {
  /** The names of the labels whose values are hashed. */
  readonly labels: readonly string[];
  /** Secret; the same salt gives the same hashes, so that series last across scrapes. */
  readonly salt: string;
  /**
   * The most hashes that are remembered between scrapes.
   *
   * @default {10_000}
   */
  readonly cacheSize?: number;
}

/**
 * Replaces the values of the named labels by the base64url, unpadded, of the first 9 bytes of SHA-256(salt + value).
 * Empty values stay, since an empty label is an absent one.
 */
export function anonymize({ labels, salt, cacheSize = 10_000 }: AnonymizeOptions): Transform {
  const names = new Set(labels);
  const cache = new BoundedMap<string, string>(cacheSize);
  const hashOf = (value: string): string => {
    const known = cache.get(value);
    if (known !== undefined) return known;
    const hash = crypto.createHash("sha256").update(salt + value).digest().subarray(0, KEPT_BYTES).toString(
      "base64url",
    );
    cache.set(value, hash);
    return hash;
  };
  const isHashed = ({ name, value }: Label) => value !== "" && names.has(name);
  return (families, account) => {
    const counts = new Map(labels.map((name) => [name, 0]));
    const anonymized = families.map((family) => ({
      ...family,
      metrics: family.metrics.map((metric) => {
        if (!metric.labels.some(isHashed)) return metric;
        return {
          ...metric,
          labels: metric.labels.map((label) => {
            if (!isHashed(label)) return label;
            counts.set(label.name, (counts.get(label.name) ?? 0) + 1);
            return { name: label.name, value: hashOf(label.value) };
          }),
        };
      }),
    }));
    for (const [name, count] of counts) account.add(`--anonymize-labels ${name}`, "anonymized", count);
    return anonymized;
  };
}
