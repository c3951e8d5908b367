import assert from "node:assert/strict";
import type { MetricFamily } from "../../../common/exposition/metric_family.ts";
import { gauge, histogram, lines, native, NOW, PROTOBUF, sample, sitePage } from "../../support/federate_site.ts";
import { realisticFamilies } from "../../support/realistic_push.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** What a text in classic names is asked for with. */
const CLASSIC_TEXTS = ["text/plain;version=0.0.4", "text/plain;version=0.0.4;escaping=underscores"];
const CLASSIC_PROTOBUFS = [PROTOBUF, `${PROTOBUF};escaping=underscores`];
const UTF8_TEXT = "text/plain;version=1.0.0;escaping=allow-utf-8";

/** A site that is asked by selectors; samples are told by their values, which have to be different ones. */
function asked(...families: readonly MetricFamily[][]) {
  const one = sitePage();
  families.forEach((own, i) => one.push("abc"[i], own));
  const query = (selectors: readonly string[]) => {
    return `?${new URLSearchParams(selectors.map((selector) => ["match[]", selector]))}`;
  };
  const text = (accept: string, ...selectors: string[]) => one.text(query(selectors), { accept });
  const protobuf = (accept: string, ...selectors: string[]) => one.protobuf(query(selectors), accept);
  return { ...one, text, protobuf };
}

const valuesOf = (page: string) => lines(page).map((line) => line.replace(/.* /, "")).sort().join();

/** Series of classic and other names, as a Prometheus 3.5.3 was asked for the answers below. */
const SERIES = [
  gauge("my.metric", "a", 1, { "label.x": "v", a: "1" }),
  gauge("my.metric", "a", 2, { "label.x": "w", a: "1" }),
  gauge("my.metric", "a", 3, { label_x: "v", a: "2" }),
  gauge("own_metric", "a", 4, { "label.x": "v" }),
  gauge("own_metric", "a", 5, { label_x: "v", b: "1" }),
  gauge("both.x", "a", 6, { c: "1" }),
  gauge("both_x", "a", 7, { c: "2" }),
];

/** Selectors and the values of what Prometheus 3.5.3 shows for them on its own `/federate`, whatever the names it writes. */
const ANSWERS: readonly [selector: string, values: string][] = [
  ['{"my.metric"}', "1,2,3"],
  ["my_metric", ""],
  ['my_metric{label_x="v"}', ""],
  ['{"my.metric","label.x"="v"}', "1"],
  ['{"my.metric",label_x="v"}', "3"],
  ['{"my.metric","label.x"=""}', "3"],
  ['{"my.metric","label.x"!="v"}', "2,3"],
  ['{"label.x"=~"v.*"}', "1,4"],
  ['{label_x="v"}', "3,5"],
  ['own_metric{label_x="v"}', "5"],
  ['own_metric{"label.x"="v"}', "4"],
  ["both_x", "7"],
  ['both_x{c=~".+"}', "7"],
  ['{"both.x"}', "6"],
  ['{"both.x",c=~".+"}', "6"],
  ['{__name__=~"both.x"}', "6,7"],
  ['{__name__=~"both.x",c!=""}', "6,7"],
];

Deno.test("federate() matches names and labels as they came, whichever names it shows, as Prometheus does", async () => {
  const { text, protobuf, collisions } = asked(SERIES);
  for (const [selector, values] of ANSWERS) {
    for (const accept of CLASSIC_TEXTS) {
      const page = await text(accept, selector);
      assert.equal(valuesOf(page), values, `${selector} ${accept}`);
      assert.doesNotMatch(page, /\.|"(my|both|label)/, selector);
    }
    for (const accept of [...CLASSIC_PROTOBUFS, `${PROTOBUF};escaping=allow-utf-8`]) {
      const shown = (await protobuf(accept, selector)).flatMap(({ metrics }) => metrics.map(({ value }) => value));
      assert.equal(shown.sort().join(), values, `${selector} ${accept}`);
    }
    const quoted = (await text(UTF8_TEXT, selector)).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    assert.equal(quoted.map((line) => line.replace(/.* /, "")).sort().join(), values, selector);
  }
  assert.equal(collisions(), 0);
});

Deno.test("federate() writes what selectors pick with underscores, and only the page's own collisions are left out", async () => {
  const { text, collisions } = asked([
    gauge("a.b", "a", 1, { z: "1" }),
    gauge("a_b", "a", 2, { z: "1" }),
    gauge("a/b", "a", 3, { z: "1" }),
  ], [gauge("a.b", "b", 4, { z: "1" })]);
  const table: [selectors: string[], shown: string[], leftOut: number][] = [
    [['{"a.b",z="1"}'], ['a_b{_id="a",z="1"} 1', 'a_b{_id="b",z="1"} 4'], 0],
    [['{"a.b",z="1"}', '{"a/b",z="1"}'], ['a_b{_id="a",z="1"} 1', 'a_b{_id="b",z="1"} 4'], 1],
    [['{z="1"}'], ['a_b{_id="a",z="1"} 2', 'a_b{_id="b",z="1"} 4'], 2],
    [['{"a/b",_id="a"}'], ['a_b{_id="a",z="1"} 3'], 0],
  ];
  for (const [selectors, shown, leftOut] of table) {
    const before = collisions();
    assert.deepEqual(lines(await text(CLASSIC_TEXTS[0], ...selectors)), shown, selectors.join());
    assert.equal(collisions() - before, leftOut, selectors.join());
  }
});

Deno.test("federate() matches native histograms by names and labels as they came", async () => {
  const { protobuf, text } = asked([native("my.hist", "a", { "l.x": "1" }), native("my_hist", "a", { l_x: "2" })]);
  const table: [selector: string, labels: string][] = [
    ['{"my.hist","l.x"="1"}', "1"],
    ['{"my.hist",l_x="1"}', ""],
    ['my_hist{l_x!=""}', "2"],
    ['{"l.x"=~"1|2"}', "1"],
    ['{"my.hist_count","l.x"="1"}', "1"],
  ];
  for (const [selector, labels] of table) {
    for (const accept of [...CLASSIC_PROTOBUFS, `${PROTOBUF};escaping=allow-utf-8`]) {
      const shown = (await protobuf(accept, selector)).flatMap(({ metrics }) =>
        metrics.map((metric) => metric.labels.find(({ name }) => /l.x/.test(name))?.value)
      );
      assert.equal(shown.join(), labels, `${selector} ${accept}`);
    }
    const shown = [...(await text(CLASSIC_TEXTS[0], selector)).matchAll(/^my_hist_count.*l_x="(.)"/gm)];
    assert.equal(shown.map(([, value]) => value).join(), labels, selector);
  }
});

Deno.test("federate() shows a histogram or summary whole if a selector picks one of its lines, by its bound too", async () => {
  const summary: MetricFamily = {
    name: "s",
    type: "summary",
    metrics: ["1", "2"].map((i) => ({
      ...sample("a", { i }),
      value: { count: 1, sum: 1, quantiles: [{ quantile: 0.5, value: 1 }] },
    })),
  };
  const { text, protobuf } = asked([histogram("h", "a", { i: "1" }), histogram("h", "a", { i: "2" }), summary]);
  const table: [selector: string, lines: number, samples: number][] = [
    ['h_bucket{le="1"}', 8, 2],
    ['h_bucket{le="1",i="2"}', 4, 1],
    ['h_bucket{le="2"}', 0, 0],
    ['h_count{le="1"}', 0, 0],
    ['h_sum{i="1"}', 4, 1],
    ['{quantile="0.5",i="1"}', 3, 1],
    ['s{quantile="0.9"}', 0, 0],
    ['{i="1"}', 7, 2],
  ];
  for (const [selector, count, samples] of table) {
    assert.equal(lines(await text(CLASSIC_TEXTS[0], selector)).length, count, selector);
    const shown = await protobuf(PROTOBUF, selector);
    assert.equal(shown.flatMap(({ metrics }) => metrics).length, samples, selector);
  }
});

Deno.test("federate() matches the samples of a histogram whose lines stand in groups of their own", async () => {
  const { text, conflicts } = asked([histogram("x", "a", { i: "1" }), histogram("x", "a", { i: "2" })], [
    gauge("x", "b", 9, { i: "1" }),
  ]);
  assert.deepEqual(lines(await text(CLASSIC_TEXTS[0], 'x{i="1"}')), [
    'x{_id="b",i="1"} 9',
    'x_bucket{_id="a",i="1",le="1"} 2',
    'x_bucket{_id="a",i="1",le="+Inf"} 3',
    'x_count{_id="a",i="1"} 3',
    'x_sum{_id="a",i="1"} 4',
  ]);
  assert.equal(conflicts(), 1);
  // What is not asked for is in nobody's way.
  const page = await text(CLASSIC_TEXTS[0], 'x{i="2"}');
  assert.match(page, /^# TYPE x histogram\n/);
  assert.equal(lines(page).length, 4);
  assert.equal(conflicts(), 0);
});

Deno.test("federate() lets other work have its turn while it holds lines against selectors", async () => {
  const { push, text } = asked();
  for (let i = 0; i < 40; i++) push(`c${i}`, realisticFamilies({ id: `c${i}`, nowMs: NOW }));
  let turns = 0;
  const counting = setInterval(() => turns++, 0);
  assert.equal(await text(CLASSIC_TEXTS[0], '{none="1"}'), "");
  clearInterval(counting);
  assert.ok(turns >= 3, String(turns));
});

Deno.test("federate() shows no comment for a name whose every sample goes", async () => {
  const { text, protobuf } = asked([gauge("x", "a", 1), histogram("y", "a"), gauge("z.z", "a", 1)]);
  for (const accept of [...CLASSIC_TEXTS, UTF8_TEXT]) assert.equal(await text(accept, '{none="1"}'), "", accept);
  assert.deepEqual(await protobuf(PROTOBUF, '{none="1"}'), []);
});

Deno.test("federate() writes the lines that selectors pick as it writes them without", async () => {
  const { text } = asked([gauge("x", "a", 1e21, { zone: 'é"\\\n', b: "" })], [gauge("x", "b", 2)]);
  const [comment, line] = (await text(UTF8_TEXT)).split("\n");
  assert.equal(await text(UTF8_TEXT, '{zone!=""}'), `${comment}\n${line}\n`);
});
