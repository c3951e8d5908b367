/**
 * Requests of remote write as a target of the fuzzer: each is refused as malformed or too large, or becomes the families that an
 * independent reading makes of it, and the next good request is read as before.
 *
 * @module
 */

import assert from "node:assert/strict";
import { stackOf } from "../../common/explain.ts";
import { LimitError } from "../../common/exposition/metric_family.ts";
import { Losses } from "../../common/ingest/losses.ts";
import { WRITE_VERSIONS } from "../../common/remote_write/write_fields.ts";
import { type WriteFamilies, WriteReader } from "../../common/remote_write/write_reader.ts";
import type { Random } from "../support/random.ts";
import { oracleWriteRequest } from "../support/write_request_oracle.ts";
import type { Earlier, FuzzTarget } from "./fuzz_target.ts";
import { LIMITS, NOW_MS } from "./push_target.ts";
import type { Finding, Verdict } from "./verdict.ts";
import { generateWrite, readWrite, type WriteInput, writeWrite } from "./write_input.ts";
import { readRequest, samplesIn, type WriteReading } from "./write_reading.ts";

const MAX_BYTES = LIMITS.decompressedBytes;
const IDENTITY: ReadonlyMap<string, string> = new Map([["_id", "victim"], ["tenant", 'with "quotes"']]);

/** What became of a request. */
type Outcome = { readonly read: WriteReading } | { readonly error: unknown };

/** The target. */
export class Writes implements FuzzTarget<WriteInput> {
  readonly #reader = new WriteReader({
    maxSeries: LIMITS.series,
    maxFamilies: LIMITS.families,
    maxLabels: LIMITS.labels,
    maxBytes: MAX_BYTES,
  });
  readonly #good = WRITE_VERSIONS.map((version) => ({ version, bytes: goodRequest(version) }));

  /** Prepares a reader. */
  static open(): Promise<Writes> {
    return Promise.resolve(new Writes());
  }

  /** Makes a request. */
  generate(random: Random, earlier: Earlier<WriteInput>): WriteInput {
    return generateWrite({ random, identity: IDENTITY, nowMs: NOW_MS, earlier });
  }

  /** Has it read, and a good one of each version after it. */
  check(input: WriteInput): Promise<Verdict<WriteInput>> {
    const expected = readRequest(input, IDENTITY);
    const outcome = this.#outcomeOf(input);
    const finding = findingOf(outcome, expected) ?? this.#next();
    const answer = "read" in outcome ? "read" : outcome.error instanceof LimitError ? "too large" : "malformed";
    return Promise.resolve({
      answer,
      accepted: answer === "read",
      feature: `${input.version} ${featureOf(outcome)}`,
      agrees: answer === "read" && expected !== undefined && finding === undefined,
      ...finding && { finding },
      told: { outcome, expected },
    });
  }

  /** Those of one version are mutated into each other. */
  shelfOf({ version }: WriteInput): string {
    return version;
  }

  /** A request as bytes. */
  write(input: WriteInput): Uint8Array {
    return writeWrite(input);
  }

  /** Bytes as a request. */
  read(bytes: Uint8Array): WriteInput {
    return readWrite(bytes);
  }

  #outcomeOf({ version, bytes }: WriteInput): Outcome {
    const losses = new Losses();
    try {
      return { read: readingOf(this.#reader.read(bytes, { version, identity: IDENTITY, losses }), losses) };
    } catch (error) {
      return { error };
    }
  }

  #next(): Finding | undefined {
    for (const good of this.#good) {
      const outcome = this.#outcomeOf(good), expected = readRequest(good, IDENTITY);
      const { what, detail } = findingOf(outcome, expected) ?? {};
      if (what !== undefined) return { what: `after it, ${what}`, detail: `${good.version}: ${detail}` };
    }
    return undefined;
  }
}

function goodRequest(version: WriteInput["version"]): Uint8Array {
  const labels = (name: string) => [{ name: "__name__", value: name }, { name: "job", value: "good" }];
  const samples = [{ value: 1, timestamp: NOW_MS }];
  const series = ["up", "x_total", "up"].map((name) => ({ labels: labels(name), samples, type: 2 }));
  return oracleWriteRequest(series, { version, metadata: [{ type: 1, metricFamilyName: "x_total" }] });
}

/** What the reader made of a request, in terms of the independent reading. */
function readingOf({ values, ended, types, leftOut, ...families }: WriteFamilies, losses: Losses): WriteReading {
  const { samples, histograms, exemplars, replaced } = families;
  const rules = Object.fromEntries(Array.from(losses.leftOut, ([rule, { count }]) => [rule, count]));
  const lost = { "left out samples": leftOut.samples, "left out histograms": leftOut.histograms };
  return {
    values: samplesIn(values) ?? ["no families"],
    ended: samplesIn(ended) ?? ["no families"],
    counts: { samples, histograms, exemplars, replaced, ...Object.keys(rules).length > 0 && { ...rules, ...lost } },
    types: Object.fromEntries(types),
    sizes: { series: 0, families: 0, labels: 0, texts: Math.max(values.length, ended.length) },
  };
}

function findingOf(outcome: Outcome, expected: WriteReading | undefined): Finding | undefined {
  if ("error" in outcome) return badRefusal(outcome.error, expected);
  const { read } = outcome, { sizes: { texts } } = read;
  if (texts > MAX_BYTES) return { what: "a request becomes too many bytes", detail: String(texts) };
  if ([...read.values, ...read.ended].includes("no families")) {
    return { what: "a request becomes what is no families", detail: JSON.stringify(expected) };
  }
  if (expected === undefined) return undefined;
  const { series, families } = expected.sizes;
  if (series > LIMITS.series || families > LIMITS.families) {
    return { what: "a request that is too large is taken", detail: JSON.stringify(expected.sizes) };
  }
  try {
    assert.deepEqual(comparable(read), comparable(expected));
  } catch (error) {
    return { what: "a request is read as another", detail: String((error as Error).message) };
  }
  return undefined;
}

function badRefusal(error: unknown, expected: WriteReading | undefined): Finding | undefined {
  if (error instanceof LimitError) {
    if (expected === undefined) return undefined;
    const { series, families, labels, texts } = expected.sizes;
    const isLarge = series > LIMITS.series || families > LIMITS.families || labels > LIMITS.labels || texts > MAX_BYTES;
    return isLarge ? undefined : { what: "a request is refused that is not too large", detail: error.message };
  }
  if (!(error instanceof SyntaxError)) {
    return { what: "the reader throws what it does not document", detail: stackOf(error) };
  }
  return expected &&
    { what: "a request is refused that is good", detail: `${error.message}\n${JSON.stringify(expected)}` };
}

/** Families stand in no order. */
function comparable({ values, ended, counts, types }: WriteReading) {
  return { values: values.toSorted(), ended: ended.toSorted(), counts, types };
}

function featureOf(outcome: Outcome): string {
  if ("error" in outcome) return String(outcome.error).replaceAll(/\d+/g, "#").slice(0, 80);
  const { values, ended, counts, types } = outcome.read;
  const sizes = [values.length, ended.length, Object.keys(types).length, ...Object.values(counts)];
  return `${Object.keys(counts)} ${sizes.map((size) => Math.ceil(Math.log2(size + 1)))}`;
}
