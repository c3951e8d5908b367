/** Pushes as a Prometheus of today sends them, and odd ones, to the real server over a socket: one sample costs itself. */

import assert from "node:assert/strict";
import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import type { HistogramValue, Metric, MetricFamily, MetricType } from "../../common/exposition/metric_family.ts";
import type { SampleRule } from "../../common/ingest/sample_rules.ts";
import { oracleDecode } from "../support/metric_family_oracle.ts";
import { OpenServer } from "../support/open_server.ts";
import { plainLines } from "../support/plain_lines.ts";
import { concat, delimited, double, field, integer, label } from "../support/wire_bytes.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const MINUTE_MS = 60_000;
const TEXT = { "content-type": "text/plain; version=0.0.4" };
const UTF8 = { accept: "text/plain; version=1.0.0; escaping=allow-utf-8" };

type Labels = Readonly<Record<string, string>>;

/** A family of one sample of the cluster `me`, taken now. */
function family(
  name: string,
  type: MetricType,
  value: Metric["value"],
  more: Partial<Metric> & { with?: Labels } = {},
) {
  const { with: labels = {}, ...rest } = more;
  const pairs = Object.entries({ ...labels, _id: "me" }).map(([name, value]) => ({ name, value }));
  return { name, type, metrics: [{ labels: pairs, value, timestampMs: Date.now(), ...rest }] } satisfies MetricFamily;
}

const up = () => family("up", "untyped", 1);
const histogram = (count: number, ...buckets: [upperBound: number, count: number][]): HistogramValue => ({
  count,
  sum: 1,
  buckets: buckets.map(([upperBound, count]) => ({ upperBound, count })),
});
/** A family of one sample whose value is these fields. */
const wire = (name: string, value: readonly number[]) =>
  delimited(
    field(1, name),
    integer(3, 4),
    field(4, [...label("_id", "me"), ...field(7, value), ...integer(6, Date.now())]),
  );

interface Case {
  /** What is odd about the push. */
  readonly what: string;
  /** Beside `up 1 NOW`. */
  readonly push: () => readonly MetricFamily[] | Uint8Array | string;
  /** Why something is left out. */
  readonly rule?: SampleRule;
  /** What the answer says. */
  readonly remark?: RegExp;
  /** What is shown beside `up 1`. */
  readonly shown?: readonly string[];
}

const MANY: Labels = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`l${i}`, "v"]));

const CASES: readonly Case[] = [
  {
    what: "a sample 11 minutes ahead",
    push: () => [up(), family("x", "untyped", 1, { timestampMs: Date.now() + 11 * MINUTE_MS })],
    rule: "too_new",
    remark: /^Left out x\{_id="me"\}: the sample is more than 10m ahead of the clock; set the clock of the source/,
  },
  {
    what: "a sample 11 minutes ahead in text",
    push: () => `up{_id="me"} 1 ${Date.now()}\nx{_id="me"} 1 ${Date.now() + 11 * MINUTE_MS}\n`,
    rule: "too_new",
    remark: /^Left out x\{_id="me"\}: the sample is more than 10m ahead of the clock/,
  },
  {
    what: "a sample of 65 labels",
    push: () => [family("x", "untyped", 1, { with: MANY }), up()],
    rule: "labels",
    remark: /^Left out x\{l0="v",.*: the series has more than 64 labels; drop some with metric_relabel_configs/,
  },
  {
    what: "a sample of 65 labels in text",
    push: () => {
      const labels = Object.keys(MANY).map((name) => `${name}="v",`).join("");
      return `up{_id="me"} 1 ${Date.now()}\nx{${labels}_id="me"} 1 ${Date.now()}\n`;
    },
    rule: "labels",
    remark: /^Left out x\{l0="v",.*: a sample has more than 64 labels, in line 2 at offset/,
  },
  {
    what: "a histogram behind a gauge of the name of its buckets",
    push: () => [family("x_bucket", "untyped", 7), family("x", "histogram", histogram(1, [1, 1])), up()],
    rule: "family_collision",
    remark: /^Left out x\{_id="me"\}: another metric of the push has lines of the same name; rename one of the two/,
    shown: ["x_bucket 7"],
  },
  {
    what: "a histogram before a gauge of the name of its buckets",
    push: () => [family("x", "histogram", histogram(1, [1, 1])), family("x_bucket", "untyped", 7), up()],
    rule: "family_collision",
    remark: /^Left out x_bucket: another metric of the push has lines of the same name/,
    shown: ['x_bucket{le="+Inf"} 1', 'x_bucket{le="1"} 1', "x_count 1", "x_sum 1"],
  },
  {
    what: "a histogram of 9 with 10 observations below +Inf",
    push: () => [up(), family("x", "histogram", histogram(9, [1, 3], [Infinity, 10]))],
    rule: "histogram",
    remark: /^Left out x\{_id="me"\}: the buckets of a histogram contradict its count; mend the exporter/,
  },
  {
    what: "a histogram of 9 with 10 observations below +Inf in text",
    push: () =>
      `up{_id="me"} 1 ${Date.now()}\n# TYPE x histogram\nx_bucket{_id="me",le="+Inf"} 10 ${Date.now()}\n` +
      `x_count{_id="me"} 9 ${Date.now()}\nx_sum{_id="me"} 1 ${Date.now()}\n`,
    rule: "histogram",
    remark: /^Left out x\{_id="me"\}: its last bucket has 10 observations where it counts 9, in line 3/,
  },
  {
    what: "bounds of buckets that do not ascend",
    push: () => [family("x", "histogram", histogram(4, [2, 1], [1, 2], [Infinity, 4])), up()],
    rule: "histogram",
    remark: /^Left out x\{_id="me"\}: the le values of a histogram repeat or do not ascend; mend the exporter/,
  },
  {
    what: "a quantile of 99",
    push: () => [
      up(),
      family("s", "summary", { count: 1, sum: 1, quantiles: [{ quantile: 99, value: 1 }] }),
    ],
    rule: "summary",
    remark: /^Left out s\{_id="me"\}: a quantile of a summary is not from 0 to 1; mend the exporter/,
  },
  {
    what: "a quantile of 99 in text",
    push: () => `# TYPE s summary\ns{_id="me",quantile="99"} 1 ${Date.now()}\nup{_id="me"} 1 ${Date.now()}\n`,
    rule: "summary",
    remark: /^Left out s\{_id="me"\}: its quantile 99 is not from 0 to 1, in line 2/,
  },
  {
    what: "a line of a summary before its type",
    push: () =>
      `s_count{_id="me"} 4 ${Date.now()}\n# TYPE s summary\ns{_id="me",quantile="0.5"} 1 ${Date.now()}\n` +
      `s_sum{_id="me"} 1 ${Date.now()}\nup{_id="me"} 1 ${Date.now()}\n`,
    // What came first stands: as a metric of its own, since nothing says yet that it is a part.
    shown: ["s_count 4"],
    rule: "family_collision",
    remark: /^Left out s\{_id="me"\}: s_count is taken by a metric of one line further up, in line 3/,
  },
  {
    what: "a summary without a count, in text",
    push: () =>
      `# TYPE s summary\ns{_id="me",quantile="0.5"} 1 ${Date.now()}\ns_sum{_id="me"} 3 ${Date.now()}\n` +
      `up{_id="me"} 1 ${Date.now()}\n`,
    shown: ['s{quantile="0.5"} 1', "s_sum 3"],
  },
  {
    what: "a histogram without a sum, in text",
    push: () =>
      `# TYPE h histogram\nh_bucket{_id="me",le="+Inf"} 1 ${Date.now()}\nh_count{_id="me"} 1 ${Date.now()}\n` +
      `up{_id="me"} 1 ${Date.now()}\n`,
    shown: ['h_bucket{le="+Inf"} 1', "h_count 1"],
  },
  {
    what: "a label value of 300 bytes",
    push: () => [up(), family("x", "untyped", 1, { with: { path: "/".repeat(300) } })],
    rule: "label_value",
    remark: /^Left out x\{path="\/+….*: a label value is longer than 255 bytes; shorten it in the exporter/,
  },
  {
    what: "a label value of 300 bytes in text",
    push: () => `up{_id="me"} 1 ${Date.now()}\nx{_id="me",path="${"/".repeat(300)}"} 1 ${Date.now()}\n`,
    rule: "label_value",
    remark: /^Left out x\{_id="me",path="\/+….*: a label value is longer than 255 bytes/,
  },
  {
    what: "a name given twice with two types",
    push: () => [family("x", "gauge", 1, { with: { a: "1" } }), family("x", "counter", 2, { with: { a: "2" } }), up()],
    shown: ['x{a="1"} 1', 'x{a="2"} 2'],
  },
  {
    what: "a name given twice with two types in text",
    push: () =>
      `# TYPE x gauge\nx{_id="me",a="1"} 1 ${Date.now()}\n# TYPE x counter\nx{_id="me",a="2"} 2 ${Date.now()}\n` +
      `up{_id="me"} 1 ${Date.now()}\n`,
    shown: ['x{a="1"} 1', 'x{a="2"} 2'],
  },
  {
    what: "a name given twice with two types that have other lines",
    push: () => [family("x", "gauge", 1), family("x", "summary", { count: 1, sum: 1, quantiles: [] }), up()],
    rule: "family_collision",
    remark: /^Left out x: another metric of the push has lines of the same name/,
    shown: ["x 1"],
  },
  {
    what: "names that are not classic",
    push:
      () => [family("api.rq", "untyped", 1), family("x", "untyped", 1, { with: { "pod-template-hash": "a" } }), up()],
    shown: ['x{"pod-template-hash"="a"} 1', '{"api.rq"} 1'],
  },
  {
    what: "names that are not classic, in quotes in text",
    push: () =>
      `{"api.rq",_id="me"} 1 ${Date.now()}\nx{_id="me","pod-template-hash"="a"} 1 ${Date.now()}\n` +
      `up{_id="me"} 1 ${Date.now()}\n`,
    shown: ['x{"pod-template-hash"="a"} 1', '{"api.rq"} 1'],
  },
  {
    what: "a name with a dot that is not in quotes in text",
    push: () => `api.rq{_id="me"} 1 ${Date.now()}\nup{_id="me"} 1 ${Date.now()}\n`,
    rule: "family_name",
    remark: /^Left out api\.rq\{_id="me"\}: .*, in line 1 at offset \d+; /,
  },
  {
    what: "a label with dashes that is not in quotes in text",
    push: () => `x{pod-template-hash="a",_id="me"} 1 ${Date.now()}\nup{_id="me"} 1 ${Date.now()}\n`,
    rule: "label_name",
    remark: /^Left out x\{.*\}: .*, in line 1 at offset \d+; /,
  },
  {
    what: "a histogram with a count that is a floating-point number",
    push: () => concat(wire("x", [...double(2, 12.5), ...double(4, 5)]), encodeFamilies([up()])),
    shown: ['x_bucket{le="+Inf"} 5', "x_count 5", "x_sum 12.5"],
  },
  {
    what: "a sample with a field that nobody knows",
    push: () => concat(wire("x", [...integer(1, 5), ...integer(99, 1)]), encodeFamilies([up()])),
    rule: "unknown_field",
    remark: /^Left out x\{_id="me"\}: the sample has a field that is not known .*; update the receiving side/,
  },
];

for (const contentType of ["text", "protobuf"] as const) {
  const cases = CASES.filter(({ push }) => (typeof push() === "string") === (contentType === "text"));
  Deno.test(`the server takes what is good of ${cases.length} odd pushes in ${contentType}, and says and counts what is not`, async () => {
    await using server = await OpenServer.start("--ratelimit=0");
    for (const { what, push, rule, remark, shown = [] } of cases) {
      const dropped = () => server.metric(`telemeter_samples_dropped_total{reason="${rule ?? "too_old"}"}`);
      const before = await dropped();
      const content = push();
      const answer = typeof content === "string"
        ? await server.push("me", new TextEncoder().encode(content), TEXT)
        : await server.push("me", content);
      assert.equal(answer.status, 200, `${what}: ${answer.text}`);
      assert.match(answer.text, remark ?? /^$/, what);
      assert.deepEqual(plainLines(await server.page(UTF8)), ["up 1", ...shown].sort(), what);
      assert.equal(await dropped(), before! + (rule === undefined ? 0 : 1), what);
      const told = server.log.some((line) => line.includes("Left out samples of a push") && line.includes(`${rule} `));
      assert.equal(told, rule !== undefined, what);
    }
  });
}

Deno.test("the server refuses a push in which one series speaks for another cluster, whatever else there is", async () => {
  await using server = await OpenServer.start("--ratelimit=0");
  const twice = delimited(
    field(1, "x"),
    field(4, [...label("_id", "me"), ...label("_id", "other"), ...field(3, double(1, 1)), ...integer(6, Date.now())]),
  );
  for (
    const push of [
      concat(encodeFamilies([up()]), twice),
      encodeFamilies([up(), family("x", "gauge", 1, { with: {} })].map(
        (one, i) =>
          i === 0 ? one : { ...one, metrics: [{ ...one.metrics[0], labels: [{ name: "_id", value: "other" }] }] },
      )),
    ]
  ) {
    const { status, text } = await server.push("me", push);
    assert.deepEqual([status, /label|_id/.test(text)], [400, true], text);
    assert.equal(await server.page(), "");
  }
});

Deno.test("the server shows both forms of one histogram, the native one whole in protobuf", async () => {
  await using server = await OpenServer.start("--ratelimit=0");
  const native: HistogramValue = {
    count: 5,
    sum: 12.5,
    buckets: [],
    isFloat: true,
    native: {
      schema: 3,
      zeroThreshold: 2 ** -128,
      zeroCount: 1,
      positive: { spans: [{ offset: 2, length: 2 }], counts: [1.5, 2.5] },
      negative: { spans: [], counts: [] },
    },
  };
  const classic = ["1", "+Inf"].map((le, i) => ({
    labels: [{ name: "_id", value: "me" }, { name: "le", value: le }],
    value: 3 + 2 * i,
    timestampMs: Date.now(),
  }));
  // As Prometheus federates one that it scrapes with always_scrape_classic_histograms.
  const answer = await server.push("me", [
    { name: "x_bucket", type: "untyped", metrics: classic },
    family("x_count", "untyped", 5),
    family("x_sum", "untyped", 12.5),
    family("x", "histogram", native),
  ]);
  assert.deepEqual([answer.status, answer.text], [200, ""]);
  const lines = ['x_bucket{le="+Inf"} 5', 'x_bucket{le="1"} 3', "x_count 5", "x_sum 12.5"];
  assert.deepEqual(plainLines(await server.page()), lines);
  const page = await server.pageBytes({
    accept: "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
  });
  const families = oracleDecode(page);
  assert.deepEqual(families.find(({ type }) => type === "histogram")?.metrics.map(({ value }) => value), [native]);
  assert.deepEqual(families.map(({ name }) => name).sort(), ["x", "x_bucket", "x_count", "x_sum"]);
});

Deno.test("the server takes the push of a source whose clock is 15 minutes slow, and says, counts and logs that it does not show it", async () => {
  await using server = await OpenServer.start("--ratelimit=0");
  const slow = () => family("x", "untyped", 1, { timestampMs: Date.now() - 15 * MINUTE_MS });
  for (let i = 1; i <= 2; i++) {
    const { status, text } = await server.push("me", [up(), slow()]);
    assert.equal(status, 200);
    assert.match(text, /^Does not show 1 sample that is older than --ttl \(10m\): set the clock of the source/);
    assert.equal(await server.metric('telemeter_samples_dropped_total{reason="older_than_ttl"}'), i);
  }
  assert.deepEqual(plainLines(await server.page()), ["up 1"]);
  assert.equal(server.log.filter((line) => line.includes("older_than_ttl")).length, 1);
});
