import assert from "node:assert/strict";
import fc from "fast-check";
import snappy from "snappyjs";
import { METRIC_TYPES, type MetricFamily, type MetricType } from "../../../common/exposition/metric_family.ts";
import { encodeMetric } from "../../../common/exposition/protobuf.ts";
import { formatText } from "../../../common/exposition/text_format.ts";
import { WriteEncoder } from "../../../common/remote_write/write_encoder.ts";
import { WRITE_VERSIONS, type WriteVersion } from "../../../common/remote_write/write_fields.ts";
import { manyLabels } from "../../support/arbitrary_families.ts";
import { Random } from "../../support/random.ts";
import { decodeWriteRequest, type ReadSeries, STALE } from "../../support/write_request_oracle.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const bytesOf = (text: string) => new TextEncoder().encode(text);
const BASE_MS = 1_700_000_000_000;

/** What becomes of lines, all of one type, each its own run: as many requests as they need. */
function requestsOf(
  lines: readonly string[],
  { version, type = "gauge", times = lines.map((_, i) => 1_000 * i), ends }: {
    version: WriteVersion;
    type?: MetricType;
    times?: readonly number[];
    ends?: boolean;
  },
): ReadSeries[][] {
  return bodiesOf(lines, { version, type, times, ends }).map((body) => decodeWriteRequest(body, version));
}

/** The same as they are sent. */
function bodiesOf(
  lines: readonly string[],
  { version, type = "gauge", times = lines.map((_, i) => 1_000 * i), ends }: Parameters<typeof requestsOf>[1],
): Uint8Array[] {
  let end = 0;
  const runs = Uint32Array.from(lines.flatMap((line, i) => [times[i], end += bytesOf(line).length + 1]));
  const encoder = new WriteEncoder();
  const requests: Uint8Array[] = [];
  encoder.open(version);
  encoder.load({ text: bytesOf(lines.map((line) => `${line}\n`).join("")), runs, baseMs: BASE_MS });
  for (let at = 0; at < end;) {
    at = encoder.addLines({ start: at, end, firstRun: 0, type, ends });
    requests.push(encoder.finish());
    encoder.open(version);
  }
  return requests;
}

for (const version of WRITE_VERSIONS) {
  Deno.test(`WriteEncoder writes each line as a series with its value and time, by ${version}`, () => {
    const [series] = requestsOf(['x_total{a="1",job="",zone="eu"} 12.5', "y 3"], { version, type: "counter" });
    const type = version === "2.0" ? { type: 1 } : {};
    assert.deepEqual(series, [
      {
        labels: [["__name__", "x_total"], ["a", "1"], ["zone", "eu"]],
        samples: [{ value: 12.5, timestampMs: BASE_MS }],
        histograms: [],
        ...type,
      },
      {
        labels: [["__name__", "y"]],
        samples: [{ value: 3, timestampMs: BASE_MS + 1_000 }],
        histograms: [],
        ...type,
      },
    ]);
  });

  Deno.test(`WriteEncoder puts labels in order by name, capitals before the metric's, le among the others, by ${version}`, () => {
    const [[{ labels }]] = requestsOf(['x_bucket{A="1",_id="c",zone="eu",le="+Inf"} 4'], {
      version,
      type: "histogram",
    });
    assert.deepEqual(labels, [["A", "1"], ["__name__", "x_bucket"], ["_id", "c"], ["le", "+Inf"], ["zone", "eu"]]);
  });

  Deno.test(`WriteEncoder reads names in quotes, and escapes, by ${version}`, () => {
    const [[{ labels }, bare]] = requestsOf(['{"a.b","c\\\\d"="e\\"f\\ng",h="i"} 4', '{"ö"} 1'], { version });
    assert.deepEqual(labels, [["__name__", "a.b"], ["c\\d", 'e"f\ng'], ["h", "i"]]);
    assert.deepEqual(bare.labels, [["__name__", "ö"]]);
  });

  Deno.test(`WriteEncoder writes values that are not small integers, by ${version}`, () => {
    const texts = ["+Inf", "-Inf", "NaN", "-0", "1e+300", "0.30000000000000004", "123456789012345678901234567890"];
    const [series] = requestsOf(texts.map((text) => `x ${text}`), { version });
    const values = [Infinity, -Infinity, NaN, -0, 1e300, 0.1 + 0.2, 123456789012345678901234567890];
    assert.deepEqual(series.map(({ samples: [{ value }] }) => value), values);
  });

  Deno.test(`WriteEncoder ends series, by ${version}`, () => {
    const [series] = requestsOf(["x 1", "y NaN"], { version, ends: true });
    assert.deepEqual(series.map(({ samples: [{ value }] }) => value), ["stale", "stale"]);
  });

  Deno.test(`WriteEncoder puts at most 5,000 samples into a request and loses none, by ${version}`, () => {
    const lines = Array.from({ length: 11_500 }, (_, i) => `x{i="${i}"} ${i}`);
    const requests = requestsOf(lines, { version });
    assert.deepEqual(requests.map(({ length }) => length), [5_000, 5_000, 1_500]);
    assert.deepEqual(requests.flat().map(({ samples: [{ value }] }) => value), lines.map((_, i) => i));
  });

  Deno.test(`WriteEncoder begins another request where long lines need one, by ${version}`, () => {
    const lines = Array.from(
      { length: 1_000 },
      (_, i) => `x{${Array.from({ length: 60 }, (_, j) => `l${j}="${`${i} ${j} `.padEnd(255, "v")}"`).join()}} 1`,
    );
    const requests = requestsOf(lines, { version });
    assert.ok(requests.length > 3, `${requests.length}`);
    assert.equal(requests.flat().length, 1_000);
    assert.ok(requests.flat().every(({ labels }) => labels.length === 61));
  });

  Deno.test(`WriteEncoder repeats nothing that is farther back than a copy reaches, by ${version}`, () => {
    for (const labels of [0, 7, 14, 21, 28]) {
      const others = Array.from({ length: labels }, (_, i) => `,l${10 + i}="some value"`).join("");
      const linesOf = (count: number, period: number) =>
        Array.from({ length: count }, (_, i) => `x{a="${1_000_000 + i}"${others}} ${Math.PI * (i % period)}`);
      const bytesOfSeries = (count: number) => {
        const body = bodiesOf(linesOf(count, count), { version })[0];
        return (snappy.uncompress(body) as Uint8Array).length;
      };
      // So many series on, a value comes again that is a little too far back for a copy.
      const series = (bytesOfSeries(400) - bytesOfSeries(300)) / 100 - (version === "2.0" ? 9 : 0);
      const lines = linesOf(3_000, Math.floor(65_535 / series) + 1);
      assert.deepEqual(requestsOf(lines, { version }).flat().map(lineOf), lines);
    }
  });

  Deno.test(`WriteEncoder repeats no label that is farther back than a copy reaches where it stands, by ${version}`, () => {
    for (const size of [12, 17, 22, 29]) {
      const same = Array.from({ length: 6 }, (_, i) => `b${i}="${"v".repeat(size)}"`).join();
      const nearly = Math.floor(65_535 / (109 + 6 * size));
      for (let period = nearly - 3; period < nearly + 4; period++) {
        const z = (i: number) => `${"q".repeat(i % period % 7)}${i % period + 1_000}`;
        const lines = Array.from({ length: 700 }, (_, i) => `x{a="${i + 1_000}",${same},z="${z(i)}"} ${i}`);
        assert.deepEqual(requestsOf(lines, { version }).flat().map(lineOf), lines);
      }
    }
  });

  Deno.test(`WriteEncoder leaves out a line that fits no request, and nothing else for its sake, by ${version}`, () => {
    const lines = [`x{a="${"v".repeat(3_200_000)}"} 1`, 'x{a="b"} 2', `x{a="c"} 3`, "y{} 4"];
    for (const before of [[], ['x{a="a"} 0']]) {
      const [series] = requestsOf([...before, ...lines], { version }).filter(({ length }) => length > 1);
      assert.deepEqual(series.map(lineOf), ['x{a="b"} 2', `x{a="c"} 3`, "y{} 4"]);
    }
  });

  Deno.test(`WriteEncoder writes series that are longer than a copy reaches, by ${version}`, () => {
    const random = new Random(2);
    for (let run = 0; run < 20; run++) {
      const lines = Array.from({ length: 12 }, (_, i) => {
        const of = () => `${random.uint32() % 3}`.repeat(1 + random.uint32() % 40_000 * (random.uint32() % 3));
        return `x{a="${of()}",b="${of()}",c="${of()}",d="z"} ${i}`;
      });
      assert.deepEqual(requestsOf(lines, { version }).flat().map(lineOf), lines);
    }
  });

  Deno.test(`WriteEncoder agrees with an independent decoder on any lines, by ${version}`, () => {
    const family = fc.record({
      name: fc.oneof(
        fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,254}$/),
        fc.string({ unit: "grapheme", minLength: 1 }),
      ),
      type: fc.constantFrom<MetricType>("gauge", "counter", "untyped"),
      metrics: fc.array(manyLabels(), { minLength: 1, maxLength: 8 }),
    }, { noNullPrototype: true });
    fc.assert(fc.property(family, (family: MetricFamily) => {
      // The comment goes.
      const lines = new TextDecoder("utf-8", { ignoreBOM: true }).decode(formatText([family], { timestamps: false }))
        .split("\n").slice(1, -1);
      const [read] = requestsOf(lines, { version, type: family.type });
      const wanted = family.metrics.map(({ labels, value }, i) => ({
        labels: [["__name__", family.name], ...labels.map(({ name, value }) => [name, value])]
          .filter(([, value]) => value !== "").sort(byBytes),
        samples: [{ value, timestampMs: BASE_MS + 1_000 * i }],
        histograms: [],
        ...version === "2.0" && family.type !== "untyped" ? { type: family.type === "counter" ? 1 : 2 } : {},
      }));
      assert.deepEqual(read, wanted);
    }));
  });

  Deno.test(`WriteEncoder agrees with an independent decoder on lines that have most in common, by ${version}`, () => {
    const name = fc.constantFrom("A", "_id", "a", "ab", "b", "kubernetes_io_arch", "kubernetes_io_name", "zz");
    const value = fc.constantFrom(
      ...["", "x", "xy", "xyz", 'x"', "x\\", "x\n", "}", ',b="y', "é", "x".repeat(15), "x".repeat(16), "x".repeat(200)],
    );
    const lines = fc.tuple(
      fc.uniqueArray(name),
      fc.array(fc.tuple(fc.infiniteStream(value), fc.boolean(), fc.nat(3)), { minLength: 1, maxLength: 200 }),
      fc.nat(3),
    ).map(([names, lines, rarely]) => {
      const labels = names.map((name) => ({ name, value: "x" }));
      return lines.map(([values, isFewer, time], i) => {
        for (const [at, label] of labels.entries()) {
          if (at % 4 <= rarely) labels[at] = { ...label, value: values.next().value };
        }
        const kept = isFewer && rarely === 0 ? labels.slice(1) : labels;
        return { labels: [...kept], value: i, time };
      });
    });
    fc.assert(fc.property(lines, (metrics) => {
      const text = new TextDecoder().decode(formatText([{ name: "x", type: "gauge", metrics }], { timestamps: false }));
      const times = metrics.map(({ time }) => 10 ** (3 * time));
      const [read] = requestsOf(text.split("\n").slice(1, -1), { version, times });
      const wanted = metrics.map(({ labels, value }, i) => ({
        labels: [["__name__", "x"], ...labels.map(({ name, value }) => [name, value])]
          .filter(([, value]) => value !== "").sort(byBytes),
        samples: [{ value, timestampMs: BASE_MS + times[i] }],
        histograms: [],
        ...version === "2.0" ? { type: 2 } : {},
      }));
      assert.deepEqual(read, wanted);
    }));
  });
}

/** The line of a series, none of whose labels has an escape. */
function lineOf({ labels: [[, name], ...labels], samples: [{ value }] }: ReadSeries): string {
  return `${name}{${labels.map(([name, value]) => `${name}="${value}"`).join()}} ${value}`;
}

function byBytes([one]: string[], [other]: string[]): number {
  const [a, b] = [bytesOf(one), bytesOf(other)];
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

for (const type of ["histogram", "gauge_histogram"] as const) {
  Deno.test(`WriteEncoder.addNative() writes a native ${type} with its numbers`, () => {
    const value = {
      count: 9,
      sum: 12.5,
      buckets: [],
      native: {
        schema: 3,
        zeroThreshold: 0.001,
        zeroCount: 1,
        positive: { spans: [{ offset: -2, length: 2 }, { offset: 3, length: 1 }], counts: [2, 1, 4] },
        negative: { spans: [{ offset: 0, length: 1 }], counts: [1] },
      },
    };
    const field = encodeMetric({ labels: [{ name: "a", value: "b" }, { name: "job", value: "" }], value }, type);
    const encoder = new WriteEncoder();
    encoder.open("2.0");
    const native = { name: "x", type, field, timestampMs: BASE_MS };
    assert.ok(encoder.addNative(native) && encoder.addNative({ ...native, ends: true }));
    assert.equal(encoder.samples, 2);
    const [read, ended] = decodeWriteRequest(encoder.finish(), "2.0");
    assert.deepEqual(read.labels, [["__name__", "x"], ["a", "b"]]);
    assert.equal(read.type, METRIC_TYPES.indexOf(type) === 4 ? 3 : 4);
    const [{ countInt, sum, schema, zeroThreshold, zeroCountInt, positiveSpans, positiveDeltas, ...rest }] =
      read.histograms;
    assert.deepEqual({ countInt, sum, schema, zeroThreshold, zeroCountInt }, {
      countInt: "9",
      sum: 12.5,
      schema: 3,
      zeroThreshold: 0.001,
      zeroCountInt: "1",
    });
    assert.deepEqual([positiveSpans, positiveDeltas], [[{ offset: -2, length: 2 }, { offset: 3, length: 1 }], [
      "2",
      "-1",
      "3",
    ]]);
    assert.deepEqual([rest.negativeSpans, rest.negativeDeltas, rest.timestamp], [
      [{ offset: 0, length: 1 }],
      ["1"],
      String(BASE_MS),
    ]);
    assert.equal(rest.resetHint ?? 0, type === "histogram" ? 0 : 3);
    assert.equal(ended.histograms[0].sum, STALE);
  });
}
