/**
 * Pushes that are small as sent and would be large, or slow, inside a server that believed them. Most are just within the
 * default limits on bytes.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import type { Label, MetricFamily } from "../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { frameSnappy } from "../../common/exposition/snappy.ts";
import { chunk } from "./framed_snappy_oracle.ts";
import { concat, delimited, double, field, integer, label, varint } from "./wire_bytes.ts";

/** One such push. */
export interface Bomb {
  /** What it does. */
  readonly what: string;
  /** The status that it ends in. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** What a cluster with this id sends. */
  readonly body: (id: string) => Uint8Array;
}

/** The default of `--limit-text-bytes`. */
const MOST_TEXT_BYTES = 2_097_152;

const GZIP = { "content-encoding": "gzip" };
const SNAPPY = { "content-encoding": "snappy" };
const EMPTY_STREAM = frameSnappy(new Uint8Array());

/** All of them. */
export function bombs(nowMs: number): Bomb[] {
  const family = (id: string, samples: number, labels: (i: number) => Label[], name = "x"): MetricFamily => ({
    name,
    type: "gauge",
    metrics: made(
      samples,
      (i) => ({ labels: [{ name: "_id", value: id }, ...labels(i)], value: i, timestampMs: nowMs }),
    ),
  });
  const gzip = (what: string, status: number, raw: (id: string) => Uint8Array): Bomb => ({
    what,
    status,
    headers: GZIP,
    body: (id) => gzipSync(raw(id)),
  });
  const protobuf = (what: string, status: number, families: (id: string) => MetricFamily[]) =>
    gzip(`protobuf: ${what}`, status, (id) => encodeFamilies(families(id)));
  const text = (what: string, status: number, line: (i: number, own: string) => string): Bomb => ({
    ...gzip(`text: ${what}`, status, (id) => {
      const own = `_id="${id}"`;
      let raw = "";
      for (let i = 0, next = line(0, own); raw.length + next.length <= MOST_TEXT_BYTES; next = line(++i, own)) {
        raw += next;
      }
      return new TextEncoder().encode(raw);
    }),
    headers: { ...GZIP, "content-type": "text/plain" },
  });
  const raw = (what: string, status: number, headers: Bomb["headers"], body: Uint8Array): Bomb => ({
    what,
    status,
    headers,
    body: () => body,
  });
  return [
    raw("gzip: 100 MB of zeros", 413, GZIP, gzipSync(new Uint8Array(100_000_000))),
    raw("gzip: members without end", 400, GZIP, repeated(gzipSync(new Uint8Array()), 490_000)),
    raw("gzip: members that add up", 413, GZIP, repeated(gzipSync(new Uint8Array(1_000_000)), 400_000)),
    raw("snappy: 10 MB of zeros", 413, SNAPPY, frameSnappy(new Uint8Array(10_000_000))),
    raw(
      "snappy: a block that claims 4 GB",
      400,
      SNAPPY,
      concat(EMPTY_STREAM, new Uint8Array(chunk(0, [0, 0, 0, 0, ...varint(2 ** 32 - 1), 0]))),
    ),
    raw(
      "snappy: empty chunks without end",
      400,
      SNAPPY,
      concat(EMPTY_STREAM, repeated(new Uint8Array(chunk(0xfe, [])), 490_000)),
    ),
    protobuf("series without end", 413, (id) => [family(id, 200_000, () => [])]),
    protobuf("families without end", 413, (id) => made(6_000, (i) => family(id, 1, () => [], `n${i}`))),
    protobuf("labels without end", 200, (id) => [family(id, 1, () => made(100_000, (i) => pair(`l${i}`, "")))]),
    protobuf("50,000 long series", 200, (id) => [family(id, 50_000, (i) => [pair("i", `${i}`.padStart(100, "x"))])]),
    protobuf("5,000 long names", 200, (id) => made(5_000, (i) => family(id, 1, () => [], `n${i}_${"x".repeat(240)}`))),
    protobuf("new sets of labels", 413, (id) => [family(id, 20_000, (i) => [pair(`l${i}_${id}`, "v")])]),
    protobuf("values that double", 200, (id) => [family(id, 28_000, (i) => [pair("a", `${i}`.padStart(250, '"'))])]),
    gzip("protobuf: one unknown field", 200, () => delimited(field(15, Array(8_000_000).fill(0)))),
    gzip(
      "protobuf: unknown fields without end",
      200,
      () => delimited(field(1, "x"), field(4, Array(2_000_000).fill([0x78, 0]).flat())),
    ),
    gzip("protobuf: messages as deep as can be", 200, () => deep(4_000)),
    gzip("protobuf: a histogram of many labels and buckets", 413, (id) =>
      delimited(
        field(1, "x"),
        integer(3, 4),
        field(4, [
          ...label("_id", id),
          ...made(60, (i) => label(`l${i}`, "v".repeat(250))).flat(),
          ...field(7, made(49_000, (i) => field(3, [...integer(1, 0), ...double(2, i)])).flat()),
          ...integer(6, nowMs),
        ]),
      )),
    text("comments", 400, () => "# nothing\n"),
    text("a help text", 400, (i) => i === 0 ? "# HELP x " : "x".repeat(1_000)),
    text("one line", 200, (i) => i === 0 ? "x{" : `l${i % 100}="v",`),
    text(
      "lines of 60 labels",
      200,
      (i, own) => `x{${own},i="${i}",${made(60, (j) => `l${j}="v"`).join()}} 1 ${nowMs}\n`,
    ),
    text("lines that say nothing", 413, () => "x 1\n"),
    text("families without end", 413, (i) => `# TYPE n${i} gauge\n`),
    text("values of escapes", 200, (i, own) => `x{${own},a="${i}${"\\\\".repeat(120)}"} 1 ${nowMs}\n`),
    text("a histogram of many series", 413, (i, own) => {
      // A time for each two lines is enough, and leaves room for as many series by an id of up to four letters.
      const line = i % 2 ? `x_sum{${own},i="${i >> 1}"} 0 ${nowMs}\n` : `x_count{${own},i="${i >> 1}"} 0\n`;
      return i === 0 ? "# TYPE x histogram\n" + line : line;
    }),
    text(
      "a fault in every line",
      200,
      (i, own) => `x{${own},a="${"x".repeat(10)}",a="${i}"} 1 ${nowMs}\n`,
    ),
    text(
      "something wrong at its end",
      400,
      (i, own) => `x{${own},i="${i}"} 1 ${nowMs}\n${i === 40_000 ? "{" : ""}`,
    ),
  ];
}

function pair(name: string, value: string): Label {
  return { name, value };
}

function made<T>(length: number, make: (i: number) => T): T[] {
  return Array.from({ length }, (_, i) => make(i));
}

function repeated(bytes: Uint8Array, atMost: number): Uint8Array {
  const whole = new Uint8Array(Math.floor(atMost / bytes.length) * bytes.length);
  for (let at = 0; at < whole.length; at += bytes.length) whole.set(bytes, at);
  return whole;
}

/** A metric in a metric in a metric. */
function deep(levels: number): Uint8Array {
  let inside: number[] = [];
  for (let i = 0; i < levels; i++) inside = field(4, inside);
  return delimited(inside);
}
