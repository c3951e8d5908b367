import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { HttpError } from "../../../common/http/http.ts";
import type { MetricFamily, NativeHistogram } from "../../../common/exposition/metric_family.ts";
import { parseExposition, seriesKey } from "../../support/exposition_parser.ts";
import {
  gauge,
  histogram,
  lines,
  native,
  NOW,
  PROTOBUF,
  sample,
  site,
  sitePage,
  TTL_MS,
  withoutTime,
} from "../../support/federate_site.ts";
import { wireFamilies } from "../../support/metric_family_oracle.ts";
import { oracleDecode } from "../../support/metric_family_oracle.ts";
import { realisticFamilies } from "../../support/realistic_push.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("federate() shows each name once over all clusters, by name, without timestamps", async () => {
  const { push, text } = site();
  push("b", [gauge("y", "b", 1), gauge("x", "b", 2)]);
  push("a", [gauge("x", "a", 3)]);
  assert.equal(
    await text(),
    '# TYPE x gauge\nx{_id="b",instance="",job=""} 2\nx{_id="a",instance="",job=""} 3\n' +
      '# TYPE y gauge\ny{_id="b",instance="",job=""} 1\n',
  );
});

Deno.test("federate() shows an empty page while nothing is held", async () => {
  const response = await site().get();
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(await response.text(), "");
});

Deno.test("federate() drops each sample when it has passed its time, and no sooner", async () => {
  const { clock, index, push, text } = site();
  const at = (ageMs: number, i: string) => ({ ...sample("a", { i }), value: 1, timestampMs: NOW - ageMs });
  push("a", [
    { name: "x", type: "gauge", metrics: [at(3_000, "0"), at(3_000, "1"), at(2_000, "2"), at(0, "3")] },
    { name: "y", type: "gauge", metrics: [at(1_000, "4")] },
    // The same name again, in a block of its own.
    { name: "x", type: "gauge", metrics: [at(4_000, "5")] },
  ]);
  const shown = async () => [...(await text()).matchAll(/i="(\d)"/g)].map(([, i]) => i).sort().join("");
  const table: [afterMs: number, shown: string][] = [
    [TTL_MS - 4_000, "012345"],
    [TTL_MS - 3_999, "01234"],
    [TTL_MS - 3_000, "01234"],
    [TTL_MS - 2_999, "234"],
    [TTL_MS - 1_999, "34"],
    [TTL_MS - 999, "3"],
    [TTL_MS, "3"],
    [TTL_MS + 1, ""],
  ];
  for (const [afterMs, expected] of table) {
    clock.now = NOW + afterMs;
    assert.equal(await shown(), expected, `${afterMs} ms after`);
  }
  const when = (wallMs: number) => ({ now: wallMs - NOW, wallMs });
  assert.deepEqual(index.expire(when(NOW + TTL_MS)), []);
  assert.deepEqual(index.expire(when(NOW + TTL_MS + 1)), ["a"]);
  assert.deepEqual([index.clusters, index.families, index.series, index.bytes], [0, 0, 0, 0]);
});

Deno.test("ExpositionIndex.expire() lets no silent cluster stay longer, or shorter, for a wall clock that is set", () => {
  for (const byMs of [-3_600_000, -1_000, 0, 3_600_000]) {
    const { index, push } = site();
    push("a", [gauge("x", "a", 1)]);
    assert.deepEqual(index.expire({ now: 0, wallMs: NOW }), []);
    assert.deepEqual(index.expire({ now: TTL_MS, wallMs: NOW + TTL_MS + byMs }), [], `set by ${byMs} ms`);
    assert.deepEqual(index.expire({ now: TTL_MS + 1, wallMs: NOW + TTL_MS + 1 + byMs }), ["a"], `set by ${byMs} ms`);
  }
  // Set back before it is first met: it has no more than it had when it came.
  const { index, push } = site();
  push("a", [gauge("x", "a", 1)]);
  assert.deepEqual(index.expire({ now: 0, wallMs: NOW - 3_600_000 }), []);
  assert.deepEqual(index.expire({ now: TTL_MS + 1, wallMs: NOW - 3_600_000 }), ["a"]);
});

Deno.test("federate() replaces all that a cluster had by its next push, and ignores one that came before", async () => {
  const { index, push, text } = site();
  push("a", [gauge("x", "a", 1), gauge("y", "a", 1)]);
  const first = index.get("a")!;
  push("a", [gauge("y", "a", 2)]);
  assert.deepEqual(lines(await text()), ['y{_id="a"} 2']);
  index.show({ ...first, sequence: 0 });
  assert.deepEqual(lines(await text()), ['y{_id="a"} 2']);
});

Deno.test("federate() keeps the page whole where clusters disagree, and counts the names", async () => {
  const { conflicts, push, text } = site();
  push("a", [histogram("x", "a"), gauge("z", "a", 1)]);
  push("b", [gauge("x", "b", 9), gauge("x_count", "b", 8), { ...gauge("z", "b", 2), type: "counter" }]);
  push("c", [{ ...gauge("z", "c", 3), type: "counter" }]);
  const page = await text();
  const families = parseExposition(page);
  assert.equal(conflicts(), 3);
  assert.equal(families.get("z")?.type, "counter");
  for (const name of ["x", "x_bucket", "x_count", "x_sum"]) assert.equal(families.get(name)?.type, "untyped", name);
  assert.equal(lines(page).length, 9);
});

Deno.test("federate() matches by name, by label and by the name of a histogram's line", async () => {
  const { push, text } = site();
  push("a", [gauge("up", "a", 1), histogram("h", "a"), gauge("down", "a", 1, { zone: "1" })]);
  push("b", [gauge("up", "b", 2), gauge("down", "b", 2, { zone: "2" })]);
  const names = async (...selectors: string[]) => {
    const query = new URLSearchParams(selectors.map((selector) => ["match[]", selector]));
    return lines(await text(`?${query}`)).map((line) => line.replace(/ .*/, "")).join(" ");
  };
  assert.equal(await names("up"), 'up{_id="a"} up{_id="b"}');
  assert.equal(await names('{_id="b"}'), 'down{_id="b",zone="2"} up{_id="b"}'.replace('_id="b",zone', '_id="b",zone'));
  assert.equal(await names('{zone!="",zone!="1"}', 'up{_id="a"}'), 'down{_id="b",zone="2"} up{_id="a"}');
  assert.equal(
    await names('{__name__=~"h_c.*"}'),
    'h_bucket{_id="a",le="1"} h_bucket{_id="a",le="+Inf"} h_sum{_id="a"} h_count{_id="a"}',
  );
  assert.equal(await names("none"), "");
});

Deno.test("federate() shows no family for the name of a line that its type does not have", async () => {
  const { push, text } = site();
  const quantiles = [{ quantile: 0.5, value: 1 }];
  const summary: MetricFamily = {
    name: "s",
    type: "summary",
    metrics: [{ ...sample("a"), value: { count: 1, sum: 1, quantiles } }],
  };
  push("a", [gauge("up", "a", 1), summary]);
  for (const name of ["up_sum", "up_count", "up_bucket", "s_bucket"]) {
    assert.equal(await text(`?match[]=${name}`), "", name);
    assert.equal(await text(`?match[]=${name}{_id="a"}`), "", name);
  }
  for (const name of ["s", "s_sum", "s_count"]) assert.equal(lines(await text(`?match[]=${name}`)).length, 3, name);
});

Deno.test("federate() refuses selectors that are none, and too many", async () => {
  const { get } = site();
  for (const query of ["?match[]=x{", "?match[]={}", "?" + "match[]=x&".repeat(101)]) {
    await assert.rejects(get(query), (error) => error instanceof HttpError && error.status === 400, query);
  }
});

Deno.test("federate() writes protobuf where Accept prefers it, the same samples as text", async () => {
  const { get, push, text } = site();
  push("a", [...realisticFamilies({ id: "a", nowMs: NOW }), histogram("h", "a")]);
  const accept =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.8,text/plain;q=0.5";
  const response = await get("", { accept });
  assert.match(response.headers.get("content-type")!, /^application\/vnd\.google\.protobuf; /);
  const families = oracleDecode(new Uint8Array(await response.arrayBuffer()));
  const page = parseExposition(await text("", { accept: "text/plain;q=0.8,application/vnd.google.protobuf;q=0.1" }));
  assert.deepEqual(families.map(({ name }) => name), [...page.keys()]);
  const up = families.find(({ name }) => name === "up")!;
  assert.equal(up.metrics.length, page.get("up")!.samples.size);
  for (const { labels, value } of up.metrics) {
    const key = seriesKey("up", new Map(labels.filter((l) => l.value !== "").map((l) => [l.name, l.value])));
    assert.equal(page.get("up")!.samples.get(key)?.value, value);
  }
  assert.ok(families.every(({ metrics }) => metrics.every(({ timestampMs }) => timestampMs === undefined)));
});

Deno.test("federate() compresses where the scraper takes gzip, to the same page", async () => {
  const { get, push, text } = site();
  for (const id of ["a", "b", "c"]) push(id, realisticFamilies({ id, nowMs: NOW }));
  const response = await get("", { "accept-encoding": "br, gzip;q=0.5" });
  assert.equal(response.headers.get("content-encoding"), "gzip");
  const packed = new Uint8Array(await response.arrayBuffer());
  assert.equal(new TextDecoder().decode(gunzipSync(packed)), await text());
  assert.equal((await get("", { "accept-encoding": "gzip;q=0" })).headers.get("content-encoding"), null);
});

Deno.test("federate() streams a snapshot in bounded chunks, whatever is pushed meanwhile", async () => {
  const { get, index, push, text } = site();
  for (let i = 0; i < 20; i++) push(`c${i}`, realisticFamilies({ id: `c${i}`, nowMs: NOW }));
  const before = await text();
  const reader = (await get()).body!.getReader();
  const chunks: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    assert.ok(value.length <= 262_144, String(value.length));
    chunks.push(value);
    // Buffers of replaced pushes must not be used again while somebody reads.
    for (let i = 0; i < 20; i++) push(`c${i}`, [gauge("other", `c${i}`, i, { filler: "x".repeat(200) })]);
  }
  assert.ok(chunks.length > 5);
  assert.equal(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).text(), before);
  assert.equal(lines(await text()).length, 20);
  assert.equal(index.series, 20);
});

Deno.test("federate() lets buffers be used again once a scraper has gone away in the middle", async () => {
  const { get, index, push } = site();
  for (let i = 0; i < 5; i++) push(`c${i}`, realisticFamilies({ id: `c${i}`, nowMs: NOW }));
  const reader = (await get()).body!.getReader();
  await reader.read();
  await reader.cancel();
  const old = index.get("c0")!.text.buffer;
  push("c0", realisticFamilies({ id: "c0", nowMs: NOW }));
  push("c0", realisticFamilies({ id: "c0", nowMs: NOW }));
  assert.equal(index.get("c0")!.text.buffer, old);
});

Deno.test("federate() writes whole counts of a classic histogram as integers, which every reader knows", async () => {
  const { get, push } = site();
  const float = (name: string, count: number, bucket: number, native?: NativeHistogram): MetricFamily => ({
    name,
    type: "histogram",
    metrics: [{
      ...sample("a"),
      value: { count, sum: 4, buckets: [{ upperBound: 1, count: bucket }], isFloat: true, ...(native && { native }) },
    }],
  });
  const side = { spans: [], counts: [] };
  const zeros = { schema: 0, zeroThreshold: 0.5, zeroCount: 3, positive: side, negative: side };
  push("a", [float("bucket", 3, 1.5), float("count", 3.5, 2), float("native", 3, 2, zeros), float("whole", 3, 2)]);
  const page = new Uint8Array(await (await get("", { accept: PROTOBUF })).arrayBuffer());
  const counts = wireFamilies(page).map(({ metric: [{ histogram }] = [] }) => {
    const { sampleCount, sampleCountFloat, bucket = [] } = histogram!;
    const of = (integer?: number, float?: number) => `${integer ?? ""}/${float ?? ""}`;
    return [
      of(sampleCount, sampleCountFloat),
      ...bucket.map(({ cumulativeCount, cumulativeCountFloat }) => of(cumulativeCount, cumulativeCountFloat)),
    ].join(" ");
  });
  assert.deepEqual(counts, ["3/ /1.5 3/", "/3.5 2/ /3.5", "3/ 2/ 3/", "/3 /2"]);
});

Deno.test("federate() shows a native histogram whole in protobuf, and by its count and sum in text", async () => {
  const { push, text, protobuf } = sitePage();
  push("a", [native("h", "a"), gauge("up", "a", 1)]);
  assert.deepEqual(await protobuf(), [withoutTime(gauge("up", "a", 1)), withoutTime(native("h", "a"))]);
  assert.equal(
    await text(),
    '# TYPE h histogram\nh_bucket{_id="a",instance="",job="",le="+Inf"} 5\nh_sum{_id="a",instance="",job=""} 12.5\n' +
      'h_count{_id="a",instance="",job=""} 5\n# TYPE up gauge\nup{_id="a",instance="",job=""} 1\n',
  );
});

Deno.test("federate() shows both forms of a histogram that come together, neither twice", async () => {
  const { push, text, protobuf } = sitePage();
  const classic = [
    gauge("h_bucket", "a", 2, { le: "1" }),
    gauge("h_bucket", "a", 5, { le: "+Inf" }),
    gauge("h_count", "a", 5),
    gauge("h_sum", "a", 12.5),
  ].map((family): MetricFamily => ({ ...family, type: "untyped" }));
  for (const families of [[native("h", "a"), ...classic], [...classic, native("h", "a")]]) {
    push("a", families);
    assert.deepEqual(lines(await text()).toSorted(), [
      'h_bucket{_id="a",le="+Inf"} 5',
      'h_bucket{_id="a",le="1"} 2',
      'h_count{_id="a"} 5',
      'h_sum{_id="a"} 12.5',
    ]);
    const shown = await protobuf();
    assert.deepEqual(shown.at(-1), withoutTime(native("h", "a")));
    assert.deepEqual(shown.map(({ name }) => name), ["h_bucket", "h_count", "h_sum", "h"]);
  }
});

Deno.test("federate() shows floats and native histograms of one name side by side", async () => {
  const { push, text, protobuf } = sitePage();
  push("a", [gauge("x", "a", 7, { i: "1" }), native("x", "a", { i: "2" })]);
  push("b", [histogram("x", "b")]);
  const shown = await protobuf();
  assert.deepEqual(shown.filter(({ type }) => type === "histogram"), [withoutTime(native("x", "a", { i: "2" }))]);
  assert.ok(shown.some(({ name, metrics }) => name === "x" && metrics[0].value === 7));
  assert.ok(shown.some(({ name, metrics }) => name === "x_count" && metrics[0].value === 3));
  const page = parseExposition(await text());
  assert.deepEqual([...page.keys()], ["x", "x_bucket", "x_count", "x_sum"]);
});

Deno.test("federate() shows a gauge histogram as untyped lines in text, and as what it is in protobuf if it is native", async () => {
  const { push, text, protobuf } = sitePage();
  push("a", [{ ...native("g", "a"), type: "gauge_histogram" }]);
  assert.deepEqual(await protobuf(), [withoutTime({ ...native("g", "a"), type: "gauge_histogram" })]);
  assert.match(
    await text(),
    /^# TYPE g_bucket untyped\n.*\n# TYPE g_count untyped\n.* 5\n# TYPE g_sum untyped\n.* 12.5\n$/,
  );
});

Deno.test("federate() lets native histograms age, and matches them by name and label", async () => {
  const { clock, push, protobuf } = sitePage();
  const old = native("h", "a", { i: "old" });
  push("a", [{ ...old, metrics: [{ ...old.metrics[0], timestampMs: NOW - 1_000 }, ...native("h", "a").metrics] }]);
  push("b", [native("other", "b")]);
  const names = async (query: string) =>
    (await protobuf(query)).flatMap(({ name, metrics }) =>
      metrics.map(({ labels }) => `${name} ${labels.at(-1)?.value}`)
    );
  assert.deepEqual(await names(""), ["h old", "h a", "other b"]);
  assert.deepEqual(await names("?match[]=h"), ["h old", "h a"]);
  assert.deepEqual(await names('?match[]={i="old"}'), ["h old"]);
  clock.now = NOW + TTL_MS;
  assert.deepEqual(await names(""), ["h a", "other b"]);
});

Deno.test("federate() shows names of any UTF-8 in quotes to who asks, and with underscores to who does not", async () => {
  const { collisions, get, push, text, protobuf } = sitePage();
  push("a", [gauge("my.metric", "a", 1, { "label.x": "v", "é": "1" }), gauge("plain", "a", 2)]);
  push("b", [gauge("my_metric", "b", 3)]);
  const utf8 = { accept: "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3" };
  assert.equal(
    await text("", utf8),
    '# TYPE "my.metric" gauge\n{"my.metric",_id="a",instance="",job="","label.x"="v","é"="1"} 1\n' +
      '# TYPE my_metric gauge\nmy_metric{_id="b",instance="",job=""} 3\n' +
      '# TYPE plain gauge\nplain{_id="a",instance="",job=""} 2\n',
  );
  const header = (await get("", utf8)).headers.get("content-type");
  assert.equal(header, "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8");
  assert.deepEqual(lines(await text()), [
    'my_metric{_="1",_id="a",label_x="v"} 1',
    'my_metric{_id="b"} 3',
    'plain{_id="a"} 2',
  ]);
  const named = async (accept: string) => (await protobuf("", accept)).map(({ name }) => name);
  assert.deepEqual(await named(PROTOBUF + ";escaping=allow-utf-8"), ["my.metric", "my_metric", "plain"]);
  assert.deepEqual(await named(PROTOBUF), ["my_metric", "plain"]);
  // As Prometheus 3.5 asks with native histograms on: it says which names it takes with text alone.
  const prometheus = (escaping: string) =>
    `${PROTOBUF};q=0.6,application/openmetrics-text;version=1.0.0;escaping=${escaping};q=0.5,` +
    `text/plain;version=1.0.0;escaping=${escaping};q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1`;
  assert.deepEqual(await named(prometheus("allow-utf-8")), ["my.metric", "my_metric", "plain"]);
  assert.deepEqual(await named(prometheus("underscores")), ["my_metric", "plain"]);
  assert.deepEqual(await named(prometheus("allow-utf-8").replace(";q=0.6", ";escaping=underscores;q=0.6")), [
    "my_metric",
    "plain",
  ]);
  assert.equal(collisions(), 0);
});

Deno.test("federate() leaves out and counts what would be the same series with underscores", async () => {
  const { collisions, push, text } = sitePage();
  push("a", [
    gauge("a.b", "a", 1),
    gauge("a_b", "a", 2),
    gauge("a/b", "a", 3),
    gauge("c.d", "a", 4, { "l.x": "1", "l_x": "2" }),
    gauge("c.d", "a", 5, { "l.x": "1" }),
  ]);
  assert.deepEqual(lines(await text()), ['a_b{_id="a"} 2', 'c_d{_id="a",l_x="1"} 5']);
  assert.equal(collisions(), 3);
  parseExposition(await text());
});

Deno.test("federate() lets the series stand that has its name by itself, and one that is left out is in nobody's way", async () => {
  const { collisions, push, text } = sitePage();
  push("a", [
    gauge("c.d", "a", 1, { "l.x": "1", "l_x": "2" }),
    gauge("c.d", "a", 2, { l_x: "2" }),
    gauge("e", "a", 3, { "l.x": "1" }),
    gauge("e", "a", 4, { l_x: "1" }),
  ]);
  assert.deepEqual(lines(await text()), ['c_d{_id="a",l_x="2"} 2', 'e{_id="a",l_x="1"} 4']);
  assert.equal(collisions(), 2);
});

Deno.test("federate() shows one of the native histograms that become the same series with underscores", async () => {
  const { collisions, push, protobuf } = sitePage();
  const count = async (accept: string) =>
    (await protobuf("", accept)).flatMap(({ name, metrics }) =>
      metrics.map(({ labels }) => `${name} ${labels.map((label) => `${label.name}=${label.value}`).join()}`)
    );
  push("a", [native("my.hist", "a", { "l.x": "1" }), native("my_hist", "a", { l_x: "1" }), native("my/hist", "a")]);
  push("b", [native("my.hist", "b", { "l.x": "1" })]);
  assert.equal((await count(PROTOBUF + ";escaping=allow-utf-8")).length, 4);
  assert.equal(collisions(), 0);
  assert.deepEqual((await count(PROTOBUF)).sort(), ["my_hist _id=a", "my_hist _id=a,l_x=1", "my_hist _id=b,l_x=1"]);
  assert.equal(collisions(), 1);
});

Deno.test("federate() writes native histograms with underscores to who takes no other names", async () => {
  const { push, protobuf, text } = sitePage();
  push("a", [native("my.hist", "a", { "l.x": "1" })]);
  const [shown] = await protobuf("", PROTOBUF);
  assert.deepEqual([shown.name, shown.metrics[0].labels.map(({ name }) => name)], ["my_hist", ["_id", "l_x"]]);
  assert.match(
    await text(),
    /^# TYPE my_hist histogram\nmy_hist_bucket\{_id="a",instance="",job="",l_x="1",le="\+Inf"\} 5\n/,
  );
});

for (
  const [what, headers] of [
    ["text", {}],
    ["text in gzip", { "accept-encoding": "gzip" }],
    ["protobuf", { accept: PROTOBUF }],
    ["protobuf in gzip", { "accept": PROTOBUF, "accept-encoding": "gzip" }],
  ] as const
) {
  Deno.test(`federate() lets other work have its turn while it makes a page of ${what}, however fast that is taken`, async () => {
    const { push, get } = site();
    for (let i = 0; i < 400; i++) push(`c${i}`, realisticFamilies({ id: `c${i}`, nowMs: NOW }));
    let turns = 0;
    const counting = setInterval(() => turns++, 0);
    for await (const chunk of (await get("", headers)).body!) void chunk;
    clearInterval(counting);
    assert.ok(turns >= 3, String(turns));
  });
}
