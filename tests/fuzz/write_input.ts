/**
 * One input of the fuzzer for remote write: a request of either version, uncompressed.
 *
 * @module
 */

import type { Label } from "../../common/exposition/metric_family.ts";
import { WRITE_VERSIONS, type WriteVersion } from "../../common/remote_write/write_fields.ts";
import type { Random } from "../support/random.ts";
import { type OracleHistogram, type OracleSeries, oracleWriteRequest, STALE } from "../support/write_request_oracle.ts";
import type { Earlier } from "./fuzz_target.ts";
import { readParts, writeParts } from "./input_file.ts";
import { mutateBytes } from "./mutate_bytes.ts";
import { mutateWire } from "./mutate_wire.ts";
import { NUMBERS, TEXTS } from "./vocabulary.ts";
import { WRITE_REQUESTS } from "./wire_tree.ts";

/** A request. */
export interface WriteInput {
  /** The version that it is read by. */
  readonly version: WriteVersion;
  /** The message. */
  readonly bytes: Uint8Array;
}

/** What requests are made of. */
export interface WriteSources {
  /** Where chance comes from. */
  readonly random: Random;
  /** The labels of the token. */
  readonly identity: ReadonlyMap<string, string>;
  /** The clock. */
  readonly nowMs: number;
  /** An earlier input of a version that was worth keeping, if there is one. */
  readonly earlier: Earlier<WriteInput>;
}

/** Series of a seed, mostly few, and labels of each. */
const MAX_SERIES = 24, MAX_LABELS = 8;
const NAMES = ["up", "x_total", "x_bucket", "é", "my.metric", ""];

/** Makes one input. */
export function generateWrite({ random, identity, nowMs, earlier }: WriteSources): WriteInput {
  const version = random.pick(WRITE_VERSIONS);
  const kept = random.chance(0.6) ? earlier(version) : undefined;
  const bytes = kept?.bytes ?? seed(version, { random, identity, nowMs });
  return { version, bytes: kept === undefined && random.chance(0.3) ? bytes : mutated(bytes, version, random) };
}

/** An input as bytes. */
export function writeWrite({ version, bytes }: WriteInput): Uint8Array {
  return writeParts({ version }, [bytes]);
}

/**
 * Reads what {@linkcode writeWrite} wrote.
 *
 * @throws {SyntaxError} if it is something else.
 */
export function readWrite(file: Uint8Array): WriteInput {
  const { fields: { version }, parts: [bytes] } = readParts(file);
  const known = WRITE_VERSIONS.find((known) => known === version);
  if (known === undefined) throw new SyntaxError(`Cannot read the input: there is no version ${version}`);
  return { version: known, bytes };
}

function mutated(bytes: Uint8Array, version: WriteVersion, random: Random): Uint8Array {
  const byField = random.chance(0.8) ? mutateWire(bytes, { random, schema: WRITE_REQUESTS[version] }) : undefined;
  return byField ?? mutateBytes(bytes, { random, other: bytes });
}

function seed(version: WriteVersion, sources: Omit<WriteSources, "earlier">): Uint8Array {
  const { random } = sources;
  const series = Array.from({ length: random.size(MAX_SERIES) }, () => oneSeries(sources));
  const metadata = Array.from({ length: random.below(4) }, () => ({
    type: random.below(9),
    metricFamilyName: random.pick([...NAMES, ...TEXTS]),
  }));
  return oracleWriteRequest(series, { version, metadata });
}

function oneSeries({ random, identity, nowMs }: Omit<WriteSources, "earlier">): OracleSeries {
  const own: Label[] = Array.from(identity, ([name, value]) => ({ name, value }));
  const others = Array.from({ length: random.below(MAX_LABELS) }, (_, i) => ({
    name: random.chance(0.1) ? random.pick(TEXTS) : `label_${i}`,
    value: random.pick(TEXTS),
  }));
  const labels = [{ name: "__name__", value: random.pick(NAMES) }, ...others, ...own.filter(() => random.chance(0.4))];
  const timestamp = () => nowMs - random.pick([0, 0, 1_000, 60_000, nowMs, nowMs + 1]);
  const value = () => random.chance(0.15) ? STALE : random.pick(NUMBERS);
  const isNative = random.chance(0.2);
  return {
    labels: random.chance(0.1) ? labels.reverse() : labels,
    samples: Array.from({ length: isNative ? random.below(2) : random.below(4) }, () => ({
      value: value(),
      timestamp: timestamp(),
    })),
    histograms: isNative ? [oneHistogram({ random, sum: value(), timestamp: timestamp() })] : [],
    exemplars: random.below(2),
    ...random.chance(0.7) && { type: random.below(9) },
  };
}

function oneHistogram(
  { random, sum, timestamp }: { random: Random; sum: number; timestamp: number },
): OracleHistogram {
  const spans = Array.from({ length: random.below(3) }, () => ({ offset: random.between(-2, 3), length: 1 }));
  const counts = spans.map(() => random.between(0, 5));
  const isFloat = random.chance(0.3), hasBounds = random.chance(0.1);
  return {
    ...{ sum, timestamp, zeroThreshold: random.pick(NUMBERS) },
    schema: hasBounds ? -53 : random.between(-4, 8),
    resetHint: random.below(4),
    positiveSpans: spans,
    ...isFloat ? { countFloat: 9.5, zeroCountFloat: 1, positiveCounts: counts } : {
      ...{ countInt: 9, zeroCountInt: 1, positiveDeltas: counts },
    },
    ...hasBounds && { customValues: [1, 2.5] },
  };
}
