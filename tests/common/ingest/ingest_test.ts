/** What an ingester makes of good samples. */

import assert from "node:assert/strict";
import type { MetricFamily } from "../../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { parseSelector } from "../../../common/exposition/selector.ts";
import { AllowList } from "../../../common/ingest/allow_list.ts";
import type { IngestedPush } from "../../../common/ingest/ingested_push.ts";
import { Ingester } from "../../../common/ingest/ingester.ts";
import {
  gauge,
  GOOD,
  HOUR,
  IDENTITY,
  ingest,
  me,
  NOW,
  RULES,
  sample,
  textOf,
  time,
  value,
} from "../../support/ingest_push.ts";
import { concat, delimited, double, field, integer, label } from "../../support/wire_bytes.ts";

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
