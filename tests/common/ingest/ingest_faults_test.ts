/** What an ingester refuses or leaves out, and what it says of that. */

import assert from "node:assert/strict";
import { LimitError } from "../../../common/exposition/metric_family.ts";
import { parseSelector } from "../../../common/exposition/selector.ts";
import { AllowList } from "../../../common/ingest/allow_list.ts";
import type { IngestRules } from "../../../common/ingest/ingested_push.ts";
import { Ingester } from "../../../common/ingest/ingester.ts";
import { InvalidPushError, type InvalidReason } from "../../../common/ingest/invalid_push.ts";
import { Losses } from "../../../common/ingest/losses.ts";
import type { SampleFault, SampleRule } from "../../../common/ingest/sample_rules.ts";
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
