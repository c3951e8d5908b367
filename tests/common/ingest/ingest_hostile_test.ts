/** Pushes that are made to go wrong: garbled, grown out of the buffers, or with series whose hashes are the same. */

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { LimitError, type MetricFamily } from "../../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { frameSnappy } from "../../../common/exposition/snappy.ts";
import { Kernel } from "../../../common/kernel/kernel.ts";
import { formatText } from "../../../common/exposition/text_format.ts";
import { Random } from "../../support/random.ts";
import { type RawPush, Renderer, type RenderRules } from "../../../server/ingest/renderer.ts";
import { Ingester } from "../../../common/ingest/ingester.ts";
import { InvalidPushError } from "../../../common/ingest/invalid_push.ts";
import { realisticFamilies } from "../../support/realistic_push.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = 1_700_000_000_000;
const IDENTITY = new Map([["_id", "me"]]);
const RULES: RenderRules = {
  set: new Map(),
  elide: new Set(),
  always: new Set(),
  maxLabelBytes: 255,
  maxNameBytes: 255,
  maxTextBytes: 4e6,
  maxAgeMs: 86_400_000,
  maxAheadMs: 600_000,
  limits: { maxFamilies: 100, maxSeries: 5_000, maxLabels: 200 },
  limitBytes: 1e6,
};

const decoder = new TextDecoder();

/** One gauge of a series for each set of labels, besides the one that says whose they are. */
function gauge(series: readonly Record<string, string>[]): MetricFamily {
  const metrics = series.map((labels, value) => ({
    labels: Object.entries({ _id: "me", ...labels }).map(([name, value]) => ({ name, value })),
    value,
    timestampMs: NOW,
  }));
  return { name: "x", type: "gauge", metrics };
}

/** Changes some bytes of an input: some single ones, or a stretch that goes, comes twice, or ends it. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice();
  const from = random.below(bytes.length), to = Math.min(bytes.length, from + random.size(64));
  switch (random.below(5)) {
    case 0:
      for (let i = random.size(4); i > 0; i--) copy[random.below(copy.length)] ^= 1 << random.below(8);
      return copy;
    case 1:
      for (let i = random.size(4); i > 0; i--) {
        copy[random.below(copy.length)] = random.pick([0, 0x0a, 0x22, 0x7f, 0x80, 0xff]);
      }
      return copy;
    case 2:
      return new Uint8Array([...bytes.subarray(0, from), ...bytes.subarray(to)]);
    case 3:
      return new Uint8Array([...bytes.subarray(0, to), ...bytes.subarray(from)]);
    default:
      return copy.subarray(0, from);
  }
}

Deno.test("Renderer throws nothing but its two errors for garbled pushes, and is right about the next one", () => {
  const families = realisticFamilies({ id: "me", nowMs: NOW }).slice(3).map((family) => ({
    ...family,
    metrics: family.metrics.slice(0, 6),
  }));
  const labels = [{ name: "_id", value: "me" }];
  families.push(
    {
      name: "h",
      type: "histogram",
      metrics: [{ labels, value: { count: 3, sum: 4, buckets: [{ upperBound: 1, count: 2 }] }, timestampMs: NOW }],
    },
    {
      name: "s",
      type: "summary",
      metrics: [{ labels, value: { count: 3, sum: 4, quantiles: [{ quantile: 0.5, value: 2 }] }, timestampMs: NOW }],
    },
  );
  const encoded = encodeFamilies(families);
  const push = (fields: Pick<RawPush, "contentType" | "contentEncoding" | "body">): RawPush => ({
    labels: IDENTITY,
    receivedAtMs: NOW,
    ...fields,
  });
  const good = [
    push({ contentType: "protobuf", contentEncoding: "identity", body: encoded }),
    push({ contentType: "protobuf", contentEncoding: "snappy", body: frameSnappy(encoded) }),
    push({ contentType: "protobuf", contentEncoding: "gzip", body: new Uint8Array(gzipSync(encoded)) }),
    push({ contentType: "text", contentEncoding: "identity", body: formatText(families) }),
  ];
  const renderer = new Renderer(RULES);
  const shown = (push: RawPush) => {
    const { buffer, textBytes, series } = renderer.render(push);
    return `${series} ${decoder.decode(new Uint8Array(buffer, 0, textBytes))}`;
  };
  const expected = good.map(shown);
  assert.equal(new Set(expected).size, 1, "one push in four encodings is shown in several ways");
  const random = new Random(20_260_727);
  let refused = 0;
  for (let i = 0; i < 4_000; i++) {
    const which = random.below(good.length);
    try {
      renderer.render({ ...good[which], body: mutate(good[which].body, random) });
    } catch (error) {
      refused++;
      if (!(error instanceof InvalidPushError) && !(error instanceof LimitError)) throw error;
      assert.ok(error.message.length < 500 && !error.message.includes("\n"), error.message);
    }
    if (i % 10 === 0) assert.equal(shown(good[which]), expected[which]);
  }
  assert.ok(refused > 2_000 && refused < 4_000, String(refused));
});

/** A gauge that takes about so many bytes of text, in front of what is to meet the end of the buffer. */
function filler(bytes: number): MetricFamily {
  const labels = Array.from({ length: Math.ceil(bytes / 255) }, (_, i) => [
    `f${i}`,
    "x".repeat(Math.min(255, bytes - 255 * i)),
  ]);
  return { ...gauge([Object.fromEntries(labels)]), name: "filler" };
}

function textOf(families: readonly MetricFamily[]): string {
  const { text } = new Ingester(RULES).ingest(encodeFamilies(families), { identity: IDENTITY, nowMs: NOW });
  assert.ok(text.length > 1 << 18, "the buffer need not grow");
  return decoder.decode(text);
}

Deno.test("Ingester writes the same text wherever in a sample its buffer has to grow", () => {
  // Every byte of the values doubles, so that a sample takes all of the room that is reserved for it.
  const wide = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`l${10 + i}`, '"\\\n'.repeat(85)]));
  const labels = Object.entries(wide).map(([name]) => `${name}="${'\\"\\\\\\n'.repeat(85)}"`).join();
  const family = gauge(Array.from({ length: 9 }, (_, i) => ({ a: `${i}`, ...wide })));
  const expected = family.metrics.map((_, i) => `x{_id="me",a="${i}",${labels}} ${i}\n`).join("");
  for (let shift = 0; shift < 32_000; shift += 401) {
    const text = textOf([filler(shift % 15_000), { ...filler(shift - shift % 15_000), name: "more" }, family]);
    assert.ok(text.endsWith(expected), `shifted by ${shift}`);
  }
});

Deno.test("Ingester writes the same text wherever in a line of a histogram its buffer has to grow", () => {
  const buckets = Array.from({ length: 1_000 }, (_, i) => ({ upperBound: i / 8, count: i }));
  const labels = [{ name: "_id", value: "me" }, { name: "b", value: '"'.repeat(120) }];
  const family: MetricFamily = {
    name: "h",
    type: "histogram",
    metrics: [{ labels, value: { count: 1_000, sum: 0.1, buckets }, timestampMs: NOW }],
  };
  const shown = `_id="me",b="${'\\"'.repeat(120)}"`;
  const expected = [
    ...buckets.map(({ upperBound, count }) => `h_bucket{${shown},le="${upperBound}"} ${count}\n`),
    `h_bucket{${shown},le="+Inf"} 1000\nh_sum{${shown}} 0.1\nh_count{${shown}} 1000\n`,
  ].join("");
  for (let shift = 0; shift < 290; shift += 3) {
    assert.ok(textOf([filler(shift), family]).endsWith(expected), `shifted by ${shift}`);
  }
});

const encoder = new TextEncoder();
const ALL = (1n << 64n) - 1n;

/** The hash of a value, in the kernel, after what came before it. */
function hashOf(value: string, start: bigint): bigint {
  const kernel = new Kernel();
  const { exports, freeFrom } = kernel;
  kernel.reserve(freeFrom + 100);
  kernel.bytes.set(encoder.encode(value), freeFrom);
  exports.setValuesHash(start);
  exports.writeValue(freeFrom, value.length, freeFrom + 50);
  return BigInt.asUintN(64, exports.valuesHash.value);
}

/** Values of sixteen characters that have one hash. */
function collidingValues(count: number, start: bigint): string[] {
  const turned = (hash: bigint, by: bigint) => ((hash << by) | (hash >> (64n - by))) & ALL;
  const wordOf = (text: string) => new DataView(encoder.encode(text).buffer).getBigUint64(0, true);
  // Of two words the second can make up for what the first does to the hash.
  const turnedStart = turned((start + 16n) & ALL, 29n);
  const behind = (first: string) => turned(((turnedStart ^ wordOf(first)) * 0x9e3779b97f4a7c15n) & ALL, 31n);
  const target = behind("aaaaaaaa") ^ wordOf("aaaaaaaa");
  const values = new Set<string>();
  for (let i = 0; values.size < count; i++) {
    const first = i.toString(36).padStart(8, "a");
    const second = new Uint8Array(8);
    new DataView(second.buffer).setBigUint64(0, target ^ behind(first), true);
    // Letters and control characters alike, but none that is escaped.
    if (second.every((byte) => byte < 0x80 && byte !== 0x22 && byte !== 0x5c && byte !== 0x0a)) {
      values.add(first + decoder.decode(second));
    }
  }
  return [...values];
}

Deno.test("Ingester tells series apart whose values are made to collide, and refuses them before that gets slow", () => {
  const kernel = new Kernel();
  const ingester = new Ingester(RULES, kernel);
  // The hash of a series without the label `a`, and what the name of that adds to it.
  ingester.ingest(encodeFamilies([gauge([{}])]), { identity: IDENTITY, nowMs: NOW });
  const start = BigInt.asUintN(64, kernel.exports.valuesHash.value) ^ BigInt(0x22_3d_61) ^ 3n;
  const values = collidingValues(400, start);
  const hashes = new Set(values.slice(0, 20).map((value) => hashOf(value, start)));
  assert.equal(hashes.size, 1, "the values do not collide, so that the test would show nothing");
  const ingest = (chosen: readonly string[]) =>
    ingester.ingest(encodeFamilies([gauge(chosen.map((a) => ({ a })))]), { identity: IDENTITY, nowMs: NOW });
  const few = values.slice(0, 200);
  const { series, duplicates, text } = ingest([...few, ...few.slice(0, 50)]);
  assert.deepEqual([series, duplicates], [200, 50]);
  for (const value of few) assert.ok(decoder.decode(text).includes(`a="${value}"`), value);
  assert.throws(() => ingest(values), (error) => error instanceof LimitError && /collide/.test(error.message));
  assert.equal(ingest(few).series, 200);
});

Deno.test("Ingester takes thousands of series that differ in characters of one script", () => {
  const values = Array.from({ length: 4_000 }, (_, i) => ({ a: String.fromCodePoint(0x4e00 + i) }));
  const push = new Ingester(RULES).ingest(encodeFamilies([gauge(values)]), { identity: IDENTITY, nowMs: NOW });
  assert.deepEqual([push.series, push.duplicates], [4_000, 0]);
});
