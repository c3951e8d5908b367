import assert from "node:assert/strict";
import { LimitError, type MetricFamily } from "../../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { parseSelector } from "../../../common/exposition/selector.ts";
import { AllowList } from "../../../common/ingest/allow_list.ts";
import { Ingester } from "../../../common/ingest/ingester.ts";
import type { IngestedPush, IngestRules } from "../../../common/ingest/ingested_push.ts";
import { Losses } from "../../../common/ingest/losses.ts";
import type { SampleFault, SampleRule } from "../../../common/ingest/sample_rules.ts";
import { InvalidPushError, type InvalidReason } from "../../../common/ingest/invalid_push.ts";
import { concat, delimited, double, field, integer, label } from "../../support/wire_bytes.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const IDENTITY = new Map([["_id", "me"]]);

const RULES: IngestRules = {
  set: new Map(),
  elide: new Set(),
  always: new Set(),
  maxLabelBytes: 255,
  maxNameBytes: 255,
  maxTextBytes: 1_000_000,
  maxAgeMs: 24 * HOUR,
  maxAheadMs: 10 * 60_000,
  limits: { maxFamilies: 100, maxSeries: 1_000, maxLabels: 8 },
};

function ingest(bytes: Uint8Array, rules: Partial<IngestRules> = {}): IngestedPush {
  return new Ingester({ ...RULES, ...rules }).ingest(bytes, { identity: IDENTITY, nowMs: NOW });
}

function textOf(push: IngestedPush): string {
  return new TextDecoder().decode(push.text);
}

const me = label("_id", "me");
const value = field(2, double(1, 1));
const time = integer(6, NOW);
const gauge = integer(3, 1);

/** A gauge family `x` of one sample with these fields. */
const sample = (...fields: readonly number[][]) => delimited(field(1, "x"), gauge, field(4, fields.flat()));

Deno.test("Ingester writes one line a sample: sorted labels, escapes, no timestamp", () => {
  const families: MetricFamily[] = [{
    name: "x:y",
    type: "gauge",
    metrics: [
      {
        labels: [{ name: "b", value: 'q"\\\n' }, { name: "_id", value: "me" }, { name: "a", value: "ü€😀" }],
        value: 1.5,
        timestampMs: NOW - 5,
      },
      { labels: [{ name: "_id", value: "me" }, { name: "empty", value: "" }], value: -Infinity, timestampMs: NOW },
    ],
  }];
  const push = ingest(encodeFamilies(families));
  assert.equal(textOf(push), 'x:y{_id="me",a="ü€😀",b="q\\"\\\\\\n"} 1.5\nx:y{_id="me"} -Inf\n');
  assert.deepEqual([push.series, push.received, push.dropped, push.duplicates], [2, 2, 0, 0]);
  assert.deepEqual([...push.runs], [
    24 * HOUR - 5,
    textOf(push).indexOf('x:y{_id="me"}') + 5,
    24 * HOUR,
    push.text.length,
  ]);
});

Deno.test("Ingester writes numbers that any reader of the format reads back as the same double", () => {
  const values = [0, -0, 1, 999_999_999, 1e9, 1e21, 1.7976931348623157e308, 5e-324, 0.1, -42, 2 ** 53, NaN, Infinity];
  const labels = (i: number) => [{ name: "_id", value: "me" }, { name: "i", value: String(i) }];
  const metrics = values.map((value, i) => ({ labels: labels(i), value, timestampMs: NOW }));
  const lines = textOf(ingest(encodeFamilies([{ name: "x", type: "untyped", metrics }]))).trimEnd().split("\n");
  const read = lines.map((line) => Number(line.split(" ")[1].replace("+Inf", "Infinity")));
  assert.deepEqual(read, values);
});

Deno.test("Ingester writes histograms and summaries line by line, and the +Inf bucket that is missing", () => {
  const labels = [{ name: "_id", value: "me" }];
  const push = ingest(encodeFamilies([
    {
      name: "h",
      type: "histogram",
      metrics: [{ labels, value: { count: 3, sum: 4.5, buckets: [{ upperBound: 0.5, count: 1 }] }, timestampMs: NOW }],
    },
    {
      name: "s",
      type: "summary",
      metrics: [{ labels, value: { count: 3, sum: 4.5, quantiles: [{ quantile: 0.9, value: 7 }] }, timestampMs: NOW }],
    },
  ]));
  assert.equal(
    textOf(push),
    'h_bucket{_id="me",le="0.5"} 1\nh_bucket{_id="me",le="+Inf"} 3\nh_sum{_id="me"} 4.5\nh_count{_id="me"} 3\n' +
      's{_id="me",quantile="0.9"} 7\ns_sum{_id="me"} 4.5\ns_count{_id="me"} 3\n',
  );
  assert.equal(push.series, 7);
});

Deno.test("Ingester takes a family's fields in any order and a family without a type as a counter", () => {
  const late = delimited(field(4, [...field(3, double(1, 2)), ...time, ...me]), field(9, "unknown"), field(1, "late"));
  assert.equal(textOf(ingest(late)), 'late{_id="me"} 2\n');
  assert.equal(ingest(late).blocks[0].type, "counter");
});

Deno.test("Ingester merges a value message that comes twice, as proto2 has it", () => {
  assert.equal(textOf(ingest(sample(me, field(2, double(1, 1)), field(2, double(1, 7)), time))), 'x{_id="me"} 7\n');
});

Deno.test("Ingester has room for samples as short as can be, which need a clock that has just begun", () => {
  const shortest = field(4, [...integer(6, 1), ...field(2, [])]);
  assert.equal(shortest.length, 6);
  const bytes = delimited(field(1, "x"), gauge, ...Array(900).fill(shortest));
  const { text, received, duplicates } = new Ingester(RULES).ingest(bytes, { identity: new Map(), nowMs: 1 });
  assert.deepEqual([new TextDecoder().decode(text), received, duplicates], ["x 0\n", 900, 899]);
});

Deno.test("Ingester has room for samples as short as can be where timestamps do not count", () => {
  const shortest = field(4, field(2, []));
  assert.equal(shortest.length, 4);
  const bytes = delimited(field(1, "x"), gauge, ...Array(900).fill(shortest));
  const ingester = new Ingester({ ...RULES, honorTimestamps: false });
  const { text, received, duplicates, series } = ingester.ingest(bytes, { identity: new Map(), nowMs: NOW });
  assert.deepEqual([new TextDecoder().decode(text), received, duplicates, series], ["x 0\n", 900, 899, 1]);
});

Deno.test("Ingester lets every sample age from its arrival where timestamps do not count, whatever they are", () => {
  const at = (i: number, ...time: number[]) => field(4, [...me, ...label("i", String(i)), ...value, ...time]);
  const times = [integer(6, NOW - 25 * HOUR), integer(6, NOW - HOUR), [], integer(6, NOW + HOUR), integer(6, -1)];
  const push = delimited(field(1, "x"), gauge, ...times.map((time, i) => at(i, ...time)));
  const rules = { ...RULES, ttlMs: 600_000 };
  const { text, runs, stale, leftOut, baseMs } = new Ingester({ ...rules, honorTimestamps: false })
    .ingest(push, { identity: IDENTITY, nowMs: NOW });
  // In the order in which they came, as all are of now.
  const lines = times.map((_, i) => `x{_id="me",i="${i}"} 1\n`).join("");
  assert.deepEqual([new TextDecoder().decode(text), stale, leftOut.size], [lines, 0, 0]);
  assert.deepEqual([...runs], [NOW - baseMs, text.length]);
  const honest = new Ingester(rules).ingest(push, { identity: IDENTITY, nowMs: NOW });
  assert.deepEqual([textOf(honest), honest.stale], ['x{_id="me",i="1"} 1\n', 1]);
  assert.deepEqual([...honest.leftOut].map(([rule, { count }]) => [rule, count]), [
    ["too_old", 2],
    ["timestamp", 1],
    ["too_new", 1],
  ]);
});

Deno.test("Ingester lets the last of equal series stand, whatever the order of its labels, and counts the rest", () => {
  const a = label("a", "1");
  const first = delimited(
    field(1, "x"),
    gauge,
    field(4, [...me, ...a, ...field(2, double(1, 1)), ...time]),
    field(4, [...me, ...label("a", "2"), ...field(2, double(1, 5)), ...time]),
    field(4, [...a, ...label("empty", ""), ...me, ...field(2, double(1, 2)), ...time]),
  );
  const again = delimited(field(1, "x"), gauge, field(4, [...me, ...a, ...field(2, double(1, 3)), ...time]));
  const push = ingest(concat(first, again));
  assert.equal(textOf(push), 'x{_id="me",a="2"} 5\nx{_id="me",a="1"} 3\n');
  assert.deepEqual([push.series, push.received, push.duplicates], [2, 4, 2]);
});

Deno.test("Ingester tells many series apart over several pushes with one table", () => {
  const ingester = new Ingester({ ...RULES, limits: { ...RULES.limits, maxSeries: 5_000 } });
  for (const count of [3_000, 10, 3_000]) {
    const metrics = Array.from({ length: count }, (_, i) => ({
      labels: [{ name: "_id", value: "me" }, { name: "i", value: String(i % (count - 1)) }],
      value: i,
      timestampMs: NOW,
    }));
    const push = ingester.ingest(encodeFamilies([{ name: "x", type: "gauge", metrics }]), {
      identity: IDENTITY,
      nowMs: NOW,
    });
    assert.deepEqual([push.series, push.duplicates], [count - 1, 1]);
  }
});

Deno.test("Ingester sets and elides labels after it has checked them", () => {
  const rules = { set: new Map([["a", 'set"'], ["z", "last"]]), elide: new Set(["secret"]) };
  const push = sample(label("secret", "s"), label("a", "own"), me, value, time);
  assert.equal(textOf(ingest(push, rules)), 'x{_id="me",a="set\\"",z="last"} 1\n');
  for (const name of ["secret", "a"]) {
    const { leftOut, blocks } = ingest(sample(label(name, [0xff]), me, value, time), rules);
    assert.deepEqual([[...leftOut.keys()], blocks], [["label_value"], []]);
  }
});

Deno.test("Ingester shows the labels of a target empty where a series lacks them, so that no scraper adds its own", () => {
  const rules = { always: new Set(["instance", "job"]), elide: new Set(["job"]) };
  const samples: [labels: number[], line: string][] = [
    [[...me], 'x{_id="me",instance="",job=""} 1\n'],
    [[...me, ...label("instance", "")], 'x{_id="me",instance="",job=""} 1\n'],
    [[...label("job", "j"), ...label("instance", "i"), ...me], 'x{_id="me",instance="i",job=""} 1\n'],
  ];
  for (const [labels, line] of samples) assert.equal(textOf(ingest(sample(labels, value, time), rules)), line);
  const both = concat(...samples.slice(0, 2).map(([labels]) => sample(labels, value, time)));
  assert.equal(ingest(both, rules).duplicates, 1);
});

Deno.test("Ingester keeps what a selector of the allow-list matches, an absent label being empty", () => {
  const push = concat(
    sample(me, value, time),
    sample(me, label("foo", "x"), value, time),
    delimited(field(1, "y"), gauge, field(4, [...me, ...value, ...time])),
  );
  const table: [string, string, number][] = [
    ['{__name__="x"}', 'x{_id="me"} 1\nx{_id="me",foo="x"} 1\n', 1],
    ['x{foo!="x"}', 'x{_id="me"} 1\n', 2],
    ['{foo=~"x|y"}', 'x{_id="me",foo="x"} 1\n', 2],
    ['{__name__=~".",foo=""}', 'x{_id="me"} 1\ny{_id="me"} 1\n', 1],
    ["none", "", 3],
  ];
  for (const [selector, text, dropped] of table) {
    const kept = ingest(push, { allow: new AllowList([parseSelector(selector)]) });
    assert.deepEqual([textOf(kept), kept.dropped], [text, dropped], selector);
  }
});

Deno.test("Ingester accepts timestamps at the edges, and ages those of the future from their arrival", () => {
  const push = concat(
    sample(me, label("i", "0"), value, integer(6, NOW - 24 * HOUR)),
    sample(me, label("i", "1"), value, integer(6, NOW + 10 * 60_000)),
  );
  assert.deepEqual([...ingest(push).runs].filter((_, i) => i % 2 === 0), [0, 24 * HOUR]);
});

const point = (count: number | bigint, bound: number) => field(3, [...integer(1, count), ...double(2, bound)]);
const quantile = (at: number) => field(3, [...double(1, at), ...double(2, 1)]);
const typed = (type: number, ...fields: readonly number[][]) =>
  delimited(field(1, "x"), integer(3, type), field(4, fields.flat()));

const REFUSED: [what: string, bytes: Uint8Array, reason: InvalidReason][] = [
  ["no family", new Uint8Array(), "empty"],
  ["a length that ends inside its delimiter", new Uint8Array([0x80]), "malformed"],
  ["a length past the end", new Uint8Array([0x05, 0x0a]), "malformed"],
  ["a varint of eleven bytes", new Uint8Array(Array(11).fill(0x80)), "malformed"],
  ["field number 0", delimited([0x02, 0x00]), "malformed"],
  ["a group", delimited([0x4b]), "malformed"],
  ["a name as a varint", delimited(integer(1, 7)), "malformed"],
  [
    "a double cut short",
    delimited(field(1, "x"), gauge, field(4, [...me, ...field(2, [0x09, 0, 0]), ...time])),
    "malformed",
  ],
  ["no identity", sample(value, time), "identity"],
  ["another identity", sample(label("_id", "other"), value, time), "identity"],
  ["an identity that goes on", sample(label("_id", "me2"), value, time), "identity"],
  ["two identities", sample(me, label("_id", "other"), value, time), "identity"],
  ["two identities, the other first", sample(label("_id", "other"), me, value, time), "identity"],
  ["an identity behind a byte order mark", sample(label("\ufeff_id", "me"), value, time), "identity"],
];

const LEFT_OUT: [what: string, bytes: Uint8Array, rule: SampleRule][] = [
  ["no name", delimited(gauge, field(4, [...me, ...value, ...time])), "family_name"],
  [
    "a name of 256 bytes",
    delimited(field(1, "x".repeat(256)), gauge, field(4, [...me, ...value, ...time])),
    "family_name",
  ],
  ["an unknown type", delimited(field(1, "x"), integer(3, 99), field(4, [...me, ...value, ...time])), "family_type"],
  ["no timestamp", sample(me, value), "timestamp"],
  ["a timestamp too old", sample(me, value, integer(6, NOW - 24 * HOUR - 1)), "too_old"],
  ["a timestamp too far ahead", sample(me, value, integer(6, NOW + 10 * 60_000 + 1)), "too_new"],
  ["a negative timestamp", sample(me, value, integer(6, -1)), "too_old"],
  ["a timestamp of 2^63 - 1", sample(me, value, integer(6, 2n ** 63n - 1n)), "too_new"],
  ["no value", sample(me, time), "value"],
  ["a counter's value in a gauge", sample(me, field(3, double(1, 1)), time), "value"],
  ["a label twice", sample(me, label("a", "1"), label("a", "1"), value, time), "duplicate_label"],
  ["an empty label twice", sample(me, label("a", ""), label("a", ""), value, time), "duplicate_label"],
  ["a label without a name", sample(me, label("", "1"), value, time), "label_name"],
  ["a label __name__", sample(me, label("__name__", "y"), value, time), "label_name"],
  ["a label name of 256 bytes", sample(me, label("a".repeat(256), "1"), value, time), "label_name"],
  ["a label value of 256 bytes", sample(me, label("a", "ü".repeat(128)), value, time), "label_value"],
  ["a label value that is not UTF-8", sample(me, label("a", [0x61, 0xff]), value, time), "label_value"],
  ["an overlong form", sample(me, label("a", [0xc0, 0x80]), value, time), "label_value"],
  ["a surrogate", sample(me, label("a", [0xed, 0xa0, 0x80]), value, time), "label_value"],
  ["a cut sequence", sample(me, label("a", [0xf0, 0x9f, 0x98]), value, time), "label_value"],
  ["le on a histogram", typed(4, me, label("le", "1"), field(7, integer(1, 1)), time), "label_name"],
  ["quantile on a summary", typed(2, me, label("quantile", "1"), field(4, integer(1, 1)), time), "label_name"],
  ["a summary with a sum and no count", typed(2, me, field(4, double(2, 3)), time), "summary"],
  ["a summary with a value and no count", typed(2, me, field(4, quantile(0.5)), time), "summary"],
  ["a histogram with a sum and no count", typed(4, me, field(7, double(2, 3)), time), "histogram"],
  [
    "a histogram of doubles with a sum and no count",
    typed(4, me, field(7, [...double(2, 3), ...integer(5, 1)]), time),
    "histogram",
  ],
  ["bounds that repeat", typed(4, me, field(7, [...integer(1, 1), ...point(1, 1), ...point(1, 1)]), time), "histogram"],
  [
    "bounds that descend",
    typed(4, me, field(7, [...integer(1, 1), ...point(1, 2), ...point(1, 1)]), time),
    "histogram",
  ],
  ["a bound that is NaN", typed(4, me, field(7, [...integer(1, 1), ...point(1, NaN)]), time), "histogram"],
  [
    "buckets that are not cumulative",
    typed(4, me, field(7, [...integer(1, 9), ...point(2, 1), ...point(1, 2)]), time),
    "histogram",
  ],
  ["a bucket of 2^63", typed(4, me, field(7, [...integer(1, 9), ...point(2n ** 63n, 1)]), time), "histogram"],
  ["a bucket above the count", typed(4, me, field(7, [...integer(1, 1), ...point(2, 1)]), time), "histogram"],
  [
    "a last bucket that is not the count",
    typed(4, me, field(7, [...integer(1, 2), ...point(1, Infinity)]), time),
    "histogram",
  ],
  ["a histogram's count of 2^53", typed(4, me, field(7, integer(1, 2n ** 53n)), time), "histogram"],
  ["a histogram's count of 2^53 as a double", typed(4, me, field(7, double(4, 2 ** 53)), time), "histogram"],
  ["a summary's count of 2^53", typed(2, me, field(4, integer(1, 2n ** 53n)), time), "summary"],
  ["a histogram's count of 2^63", typed(4, me, field(7, integer(1, 2n ** 63n)), time), "histogram"],
  ["a summary's count of 2^64 - 1", typed(2, me, field(4, integer(1, 2n ** 64n - 1n)), time), "summary"],
  ["a quantile below 0", typed(2, me, field(4, quantile(-0.1)), time), "summary"],
  ["a quantile above 1", typed(2, me, field(4, [...quantile(0.5), ...quantile(1.5)]), time), "summary"],
  ["quantiles that repeat", typed(2, me, field(4, [...quantile(0.5), ...quantile(0.5)]), time), "summary"],
  [
    "x_count beside a summary x",
    concat(
      typed(2, me, field(4, integer(1, 1)), time),
      delimited(field(1, "x_count"), gauge, field(4, [...me, ...value, ...time])),
    ),
    "family_collision",
  ],
  ["a label that is the identity's with underscores", sample(me, label(".id", "other"), value, time), "label_name"],
  [
    "a name that is the servers' own",
    delimited(field(1, "telemeter_source_up"), gauge, field(4, [...me, ...value, ...time])),
    "reserved_name",
  ],
  [
    "a name that is the servers' own with underscores",
    delimited(field(1, "telemeter.source_up"), gauge, field(4, [...me, ...value, ...time])),
    "reserved_name",
  ],
  [
    "a histogram whose lines have names that are the servers' own",
    delimited(field(1, "telemeter_source"), integer(3, 4), field(4, [...me, ...field(7, integer(1, 1)), ...time])),
    "reserved_name",
  ],
  ["nine labels", sample(me, Array.from({ length: 8 }, (_, i) => label(`l${i}`, "v")).flat(), value, time), "labels"],
  ["a field that is not known", sample(me, value, time, field(9, "x")), "unknown_field"],
  [
    "a field that is not known in its value",
    sample(me, field(2, [...double(1, 1), ...double(2, 1)]), time),
    "unknown_field",
  ],
  [
    "a field that is not known in a bucket",
    typed(4, me, field(7, [...integer(1, 1), ...field(3, [...integer(1, 1), ...double(2, 1), ...double(7, 1)])]), time),
    "unknown_field",
  ],
  [
    "a field that is not known in a span of native buckets",
    typed(
      4,
      me,
      field(7, [...integer(1, 1), ...field(12, [...integer(2, 1), ...integer(3, 1)]), ...integer(13, 2)]),
      time,
    ),
    "unknown_field",
  ],
  [
    "a field that is not known in a summary",
    typed(2, me, field(4, [...integer(1, 1), ...double(9, 1)]), time),
    "unknown_field",
  ],
  [
    "a name that is not UTF-8",
    delimited(field(1, [0x78, 0xff]), gauge, field(4, [...me, ...value, ...time])),
    "family_name",
  ],
  [
    "a label name that is not UTF-8",
    sample(me, field(1, [...field(1, [0x61, 0xff]), ...field(2, "1")]), value, time),
    "label_name",
  ],
  [
    "halves of a character in two label names",
    sample(
      me,
      field(1, [...field(1, [0x61, 0xc3]), ...field(2, "1")]),
      field(1, [...field(1, [0xa9]), ...field(2, "1")]),
      value,
      time,
    ),
    "label_name",
  ],
];

for (const [what, bytes, reason] of REFUSED) {
  Deno.test(`Ingester refuses ${what}: ${reason}`, () => {
    const refused = (error: unknown) => {
      assert.ok(error instanceof InvalidPushError, String(error));
      assert.equal(error.reason, reason, error.message);
      return true;
    };
    assert.throws(() => ingest(bytes), refused);
    // What the allow-list would drop is checked all the same.
    if (reason !== "empty") {
      assert.throws(() => ingest(bytes, { allow: new AllowList([parseSelector("none")]) }), refused);
    }
  });
}

const GOOD = delimited(field(1, "good"), gauge, field(4, [...me, ...value, ...time]));

Deno.test("Ingester reads a histogram or summary without a number as 0 observations, as writers of proto3 leave out what is 0", () => {
  assert.equal(textOf(ingest(typed(2, me, field(4, []), time))), 'x_sum{_id="me"} 0\nx_count{_id="me"} 0\n');
  const empty = 'x_bucket{_id="me",le="+Inf"} 0\nx_sum{_id="me"} 0\nx_count{_id="me"} 0\n';
  assert.equal(textOf(ingest(typed(4, me, field(7, []), time))), empty);
});

Deno.test("Ingester takes the count of a histogram that lacks it from its last bucket", () => {
  const text = textOf(ingest(typed(4, me, field(7, [...double(2, 3), ...point(4, Infinity)]), time)));
  assert.equal(text, 'x_bucket{_id="me",le="+Inf"} 4\nx_sum{_id="me"} 3\nx_count{_id="me"} 4\n');
});

for (const [what, bytes, rule] of LEFT_OUT) {
  Deno.test(`Ingester leaves out ${what}: ${rule}, and takes the rest`, () => {
    const faults: SampleFault[] = [];
    const push = new Ingester(RULES).ingest(concat(GOOD, bytes, GOOD), {
      identity: IDENTITY,
      nowMs: NOW,
      losses: new Losses((fault) => faults.push(fault)),
    });
    assert.match(textOf(push), /good\{_id="me"\} 1\n$/);
    const [fault] = faults;
    assert.deepEqual([[...push.leftOut.keys()], faults.length, fault.rule], [[rule], 1, rule]);
    assert.deepEqual(push.leftOut.get(rule)?.count, 1);
    assert.ok(fault.what.length > 0 && fault.series.length > 0);
    // What the allow-list would drop is checked all the same, but for names that only those take that are shown.
    if (rule === "family_collision") return;
    const none = ingest(concat(GOOD, bytes), { allow: new AllowList([parseSelector("none")]) });
    assert.deepEqual([textOf(none), [...none.leftOut.keys()]], ["", [rule]]);
  });
}

Deno.test("Ingester tells which sample of which family it leaves out, and why, in words without control characters", () => {
  const faults: SampleFault[] = [];
  const bad = field(4, [...me, ...label("a", "\u202e\n" + "v".repeat(300)), ...value, ...time]);
  const push = concat(GOOD, delimited(field(1, "x"), gauge, field(4, [...me, ...value, ...time]), bad, bad));
  const { leftOut, received } = new Ingester(RULES).ingest(push, {
    identity: IDENTITY,
    nowMs: NOW,
    losses: new Losses((fault) => faults.push(fault)),
  });
  assert.deepEqual(faults.map(({ rule, family, sample }) => ({ rule, family, sample })), [
    { rule: "label_value", family: 1, sample: 1 },
    { rule: "label_value", family: 1, sample: 2 },
  ]);
  assert.equal(received, 4);
  assert.deepEqual([...leftOut.keys(), leftOut.get("label_value")?.count], ["label_value", 2]);
  assert.match(faults[0].series, /^x\{_id="me",a="\\u\{202e\}\\nv+…/);
  assert.ok(faults[0].series.length <= 201 && faults[0].what === "a label value is longer than 255 bytes");
});

Deno.test("Ingester names each metric that it leaves out for its name, clipped", () => {
  const table: readonly [name: string | number[], told: RegExp][] = [
    ["telemeter_source_up", /^telemeter_source_up$/],
    ["telemeter.source.up", /^telemeter\.source\.up$/],
    ["n".repeat(1_000_000), /^n{197,200}…$/],
    [[0x78, 0xff, 0x0a], /^x\ufffd\\u\{a\}$/],
    ["", /^a metric$/],
  ];
  for (const [name, told] of table) {
    const { leftOut } = ingest(concat(GOOD, delimited(field(1, name), gauge, field(4, [...me, ...value, ...time]))));
    assert.deepEqual(leftOut.size, 1);
    assert.match([...leftOut.values()][0].first.series, told);
  }
});

Deno.test("Ingester names the series by which a push is refused for its identity, clipped", () => {
  const long = "v".repeat(200);
  const table: readonly [labels: number[][], told: RegExp][] = [
    [[label("a", "b")], /: a series lacks the label _id of the token: x\{a="b"\}, at offset \d+$/],
    [[label("_id", "other")], /: a label of the token has another value on a series: x\{_id="other"\}, at offset \d+$/],
    [[me, label("_id.", "b"), me], /: a series has the label _id of the token twice: x\{_id="me",_id\.="b",/],
    [[label("_id", "o\n"), label("a", long), label("b", long)], /: x\{_id="o\\n",a="v+…, at offset \d+$/],
  ];
  for (const [labels, told] of table) {
    assert.throws(() => ingest(concat(GOOD, sample(...labels, value, time))), told);
  }
});

Deno.test("Losses.note() tells what has names in it without what breaks a line", () => {
  const losses = new Losses();
  const name = "a\n\u0000\u2028b";
  losses.note({
    rule: "label_name",
    family: 0,
    sample: 0,
    what: `the name ${name} is odd`,
    series: `x{${name}="\ud800"}`,
  });
  const { what, series } = losses.leftOut.get("label_name")!.first;
  assert.deepEqual([what, series], [
    "the name a\\u{a}\\u{0}\\u{2028}b is odd",
    'x{a\\u{a}\\u{0}\\u{2028}b="\\u{d800}"}',
  ]);
});

Deno.test("Ingester takes names of any UTF-8, and writes them in quotes", () => {
  const push = concat(
    delimited(field(1, "my.metric"), gauge, field(4, [...me, ...label("label.x", "v"), ...value, ...time])),
    delimited(
      field(1, 'q"uo\\te'),
      gauge,
      field(4, [...me, ...label('l"x', ""), ...label("ä", "1"), ...value, ...time]),
    ),
    delimited(field(1, "x"), gauge, field(4, [...me, ...label("a:b", "1"), ...value, ...time])),
    GOOD,
  );
  const { blocks, ...rest } = ingest(push);
  assert.equal(
    textOf(rest as IngestedPush),
    '{"my.metric",_id="me","label.x"="v"} 1\n{"q\\"uo\\\\te",_id="me","ä"="1"} 1\nx{_id="me","a:b"="1"} 1\ngood{_id="me"} 1\n',
  );
  assert.deepEqual(blocks.map(({ name, quoted }) => [name, quoted]), [
    ["my.metric", true],
    ['q"uo\\te', true],
    ["x", true],
    ["good", false],
  ]);
});

Deno.test("Ingester writes a name in quotes without labels", () => {
  const push = new Ingester(RULES).ingest(delimited(field(1, "a.b"), gauge, field(4, [...value, ...time])), {
    identity: new Map(),
    nowMs: NOW,
  });
  assert.equal(textOf(push), '{"a.b"} 1\n');
});

Deno.test("Ingester brings lines of a family into the order of their timestamps", () => {
  const at = (i: string, ms: number) => field(4, [...me, ...label("i", i), ...value, ...integer(6, NOW + ms)]);
  const push = ingest(concat(
    GOOD,
    delimited(field(1, "x"), gauge, at("0", -1), at("1", -5), at("2", -5), at("3", -1), at("1", -9)),
    GOOD,
  ));
  assert.equal(
    textOf(push),
    'x{_id="me",i="1"} 1\nx{_id="me",i="2"} 1\nx{_id="me",i="0"} 1\nx{_id="me",i="3"} 1\ngood{_id="me"} 1\n',
  );
  assert.deepEqual([...push.runs].filter((_, i) => i % 2 === 0).map((age) => age - 24 * HOUR), [-9, -5, -1, 0]);
  assert.equal(push.duplicates, 2);
});

Deno.test("Ingester stops at its limits", () => {
  const limits = RULES.limits;
  const many = field(7, [...integer(1, 40), ...Array.from({ length: 40 }, (_, i) => point(i, i)).flat()]);
  const table: [Uint8Array, Partial<IngestRules>, RegExp][] = [
    [
      concat(sample(me, value, time), sample(me, value, time)),
      { limits: { ...limits, maxFamilies: 1 } },
      /more than 1 families/,
    ],
    [delimited(field(1, "x"), gauge, field(4, [...me, ...value, ...time]), field(4, [...me, ...value, ...time])), {
      limits: { ...limits, maxSeries: 1 },
    }, /more than 1 series/],
    [typed(4, me, many, time), { limits: { ...limits, maxSeries: 30 } }, /more than 30 series/],
    [typed(4, me, many, time), { limits: { ...limits, maxSeries: 42 } }, /more than 42 series/],
    [typed(4, me, many, time), { maxTextBytes: 300 }, /more than 300 bytes of text/],
  ];
  for (const [bytes, rules, message] of table) {
    assert.throws(
      () => ingest(bytes, rules),
      (error) => error instanceof LimitError && message.test(error.message),
      String(message),
    );
  }
});

Deno.test("Ingester is none the worse for a push that it refused", () => {
  const ingester = new Ingester(RULES);
  const good = sample(me, value, time);
  for (const [, bytes] of REFUSED) {
    assert.throws(() => ingester.ingest(bytes, { identity: IDENTITY, nowMs: NOW }));
    assert.equal(textOf(ingester.ingest(good, { identity: IDENTITY, nowMs: NOW })), 'x{_id="me"} 1\n');
  }
});
