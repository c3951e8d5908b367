import assert from "node:assert/strict";
import fc from "fast-check";
import { HttpError } from "../../../common/http/http.ts";
import type { Metric, MetricFamily } from "../../../common/exposition/metric_family.ts";
import { gauge, histogram, lines, native, NOW, PROTOBUF, sample, site } from "../../support/federate_site.ts";
import { oracleDecode } from "../../support/metric_family_oracle.ts";
import { realisticFamilies } from "../../support/realistic_push.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const at = (id: string, ageMs: number, labels?: Record<string, string>): Metric => ({
  ...sample(id, labels),
  value: ageMs,
  timestampMs: NOW - ageMs,
});

/** The families of a page with timestamps in protobuf. */
async function timedFamilies({ get }: ReturnType<typeof site>, accept: string): Promise<MetricFamily[]> {
  const response = await get("?timestamps=1", { accept });
  return oracleDecode(new Uint8Array(await response.arrayBuffer()));
}

const UTF8 = "text/plain;version=1.0.0;escaping=allow-utf-8";

Deno.test("federate() shows the time of each sample to who asks for timestamps", async () => {
  const { push, text } = site();
  push("a", [{ name: "x", type: "gauge", metrics: [at("a", 7, { i: "0" }), at("a", 9, { i: "1" }), at("a", 9)] }]);
  push("b", [{ name: "x", type: "gauge", metrics: [at("b", 3)] }]);
  assert.deepEqual(
    lines(await text("?timestamps=1")),
    [
      `x{_id="a",i="1",instance="",job=""} 9 ${NOW - 9}`,
      `x{_id="a"} 9 ${NOW - 9}`,
      `x{_id="a",i="0",instance="",job=""} 7 ${NOW - 7}`,
      `x{_id="b"} 3 ${NOW - 3}`,
    ].map((line) => line.replace(',instance="",job=""', "")),
  );
  assert.equal(await text("?timestamps=0"), await text());
});

Deno.test("federate() shows the times of what selectors pick, of split families and of names with underscores", async () => {
  const { push, text } = site();
  push("a", [
    { name: "x", type: "gauge", metrics: [at("a", 7, { i: "0" }), at("a", 9, { i: "1" })] },
    histogram("h", "a"),
    { name: "my.metric", type: "gauge", metrics: [at("a", 5), at("a", 6, { "a b": 'q "1" 2' })] },
  ]);
  push("b", [gauge("h_sum", "b", 1)]);
  const page = async (query: string) => lines(await text(`?timestamps=1${query}`));
  assert.deepEqual(await page('&match[]={i="0"}'), [`x{_id="a",i="0"} 7 ${NOW - 7}`]);
  assert.deepEqual((await page("&match[]=h_sum")).slice(-2), [`h_sum{_id="a"} 4 ${NOW}`, `h_sum{_id="b"} 1 ${NOW}`]);
  assert.deepEqual(await page('&match[]={"my.metric"}'), [
    `my_metric{_id="a",a_b="q \\"1\\" 2"} 6 ${NOW - 6}`,
    `my_metric{_id="a"} 5 ${NOW - 5}`,
  ]);
  const quoted = await text('?timestamps=1&match[]={"my.metric"}', { accept: UTF8 });
  assert.deepEqual(quoted.match(/ \d \d+$/gm), [` 6 ${NOW - 6}`, ` 5 ${NOW - 5}`]);
});

Deno.test("federate() shows the time of each sample in protobuf, be it a number, a distribution or a native histogram", async () => {
  const here = site();
  const timed = (family: MetricFamily, ageMs: number): MetricFamily => ({
    ...family,
    metrics: family.metrics.map((metric) => ({ ...metric, timestampMs: NOW - ageMs })),
  });
  here.push("a", [
    timed(gauge("x", "a", 1e300), 1),
    timed(gauge("my.gauge", "a", 1), 2),
    timed(histogram("h", "a"), 3),
    timed(native("n", "a"), 4),
    timed(native("my.native", "a"), 5),
  ]);
  for (const accept of [PROTOBUF, `${PROTOBUF};escaping=allow-utf-8`]) {
    const ages = (await timedFamilies(here, accept)).flatMap(({ name, metrics }) =>
      metrics.map(({ timestampMs }) => [name.replace(".", "_"), NOW - timestampMs!])
    );
    assert.deepEqual(Object.fromEntries(ages), { x: 1, my_gauge: 2, h: 3, n: 4, my_native: 5 });
  }
});

Deno.test("federate() shows the same page with times as without, and those that the samples came with", async () => {
  const realistic = realisticFamilies({ id: "a", nowMs: NOW });
  const age = fc.nat({ max: 5 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(age, { minLength: 1, maxLength: 30, size: "max" }),
      fc.boolean(),
      async (ages, isProtobuf) => {
        let next = 0;
        const families = realistic.map((family): MetricFamily => ({
          ...family,
          metrics: family.metrics.map((metric) => ({ ...metric, timestampMs: NOW - ages[next++ % ages.length] })),
        }));
        const here = site();
        here.push("a", families);
        const key = (name: string, { labels }: Metric) =>
          `${name} ${labels.filter(({ value }) => value !== "").map(({ name, value }) => `${name}=${value}`).sort()}`;
        if (isProtobuf) {
          const came = families.flatMap(({ name, metrics }) =>
            metrics.map((metric) => [key(name, metric), metric.timestampMs])
          );
          const shown = (await timedFamilies(here, PROTOBUF)).flatMap(({ name, metrics }) =>
            metrics.map((metric) => [key(name, metric), metric.timestampMs])
          );
          assert.deepEqual(new Map(shown as [string, number][]), new Map(came as [string, number][]));
        } else {
          const timed = await here.text("?timestamps=1");
          assert.equal(timed.replaceAll(/(?<=^[^#].*) \d{13}$/gm, ""), await here.text());
        }
      },
    ),
    { numRuns: 20 },
  );
});

Deno.test("federate() refuses to guess whether timestamps are wanted", async () => {
  for (const value of ["", "true", "2", "yes"]) {
    await assert.rejects(site().get(`?timestamps=${value}`), (error) => {
      return error instanceof HttpError && error.status === 400 && /1 for the time of each sample/.test(error.message);
    });
  }
});
