/** Real receivers of remote write behind the real server: what is asked of them has the answers that /federate shows. */

import assert from "node:assert/strict";
import type { Metric, MetricFamily, MetricType } from "../../common/exposition/metric_family.ts";
import { evaluate } from "../../scripts/integration/promql.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { CLASSIC_HISTOGRAM, freshFamily, NATIVE_HISTOGRAM } from "../support/fresh_families.ts";
import { OpenServer } from "../support/open_server.ts";
import { RECEIVERS, seriesOf, startReceiver } from "../support/write_receivers.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A family of the cluster `a`. */
function family(name: string, type: MetricType, values: Readonly<Record<string, Metric["value"]>>): MetricFamily {
  return freshFamily({ name, type, values, cluster: "a" });
}

const FAMILIES = () => [
  family("requests_total", "counter", { one: 12, two: 0.125 }),
  family("temperature", "gauge", { one: -3.5, two: 1e300 }),
  family("whatever", "untyped", { 'a "quoted" \\ part\nof ü': 7 }),
  family("latency", "histogram", { one: CLASSIC_HISTOGRAM }),
  family("size", "summary", { one: { count: 2, sum: 9, quantiles: [{ quantile: 0.5, value: 4 }] } }),
];

const NATIVE = () => family("spread", "histogram", { one: NATIVE_HISTOGRAM });

for (const receiver of RECEIVERS) {
  const { name, version, takesUtf8 } = receiver;
  Deno.test(`${name} behind --forward-url has what /federate shows, by ${version}, and the ends of series`, async (t) => {
    await using running = await startReceiver(receiver);
    if (running === undefined) return;
    const { url } = running;
    await using server = await OpenServer.start(`--forward-url=${url}api/v1/write`, "--ratelimit=0");
    const utf8 = takesUtf8 ? [family("höhe.über.null", "gauge", { one: 5 })] : [];
    assert.equal((await server.push("a", [...FAMILIES(), ...utf8])).status, 200);

    await t.step("what is there", async () => {
      const shown = await eventually("all series to arrive", async () => {
        const series = await seriesOf(url);
        return series.length === 12 + utf8.length ? series : undefined;
      }, { timeoutMs: 30_000 });
      const wanted = [
        ...['requests_total [["_id","a"],["part","one"]] 12', 'requests_total [["_id","a"],["part","two"]] 0.125'],
        ...['temperature [["_id","a"],["part","one"]] -3.5', 'temperature [["_id","a"],["part","two"]] 1e+300'],
        `whatever ${JSON.stringify([["_id", "a"], ["part", 'a "quoted" \\ part\nof ü']])} 7`,
        'latency_bucket [["_id","a"],["le","0.5"],["part","one"]] 1',
        'latency_bucket [["_id","a"],["le","+Inf"],["part","one"]] 3',
        ...['latency_sum [["_id","a"],["part","one"]] 4.5', 'latency_count [["_id","a"],["part","one"]] 3'],
        'size [["_id","a"],["part","one"],["quantile","0.5"]] 4',
        ...['size_sum [["_id","a"],["part","one"]] 9', 'size_count [["_id","a"],["part","one"]] 2'],
        ...utf8.length > 0 ? ['höhe.über.null [["_id","a"],["part","one"]] 5'] : [],
      ];
      assert.deepEqual(shown, wanted.sort());
      const { data } = await (await fetch(`${server.internal}api/v1/sinks`)).json();
      assert.equal(data.sinks[0].version, version);
      assert.equal(data.sinks[0].dropped, 0);
    });

    await t.step("a series that ends", async () => {
      assert.equal((await server.push("a", FAMILIES().slice(1, 3))).status, 200);
      await eventually("what is not shown any more to end", async () => {
        const names = new Set((await seriesOf(url)).map((series) => series.split(" ")[0]));
        return names.size === 2 && names.has("temperature") && names.has("whatever") ? true : undefined;
      }, { timeoutMs: 30_000 });
    });

    if (version === "1.0") return;
    await t.step("a native histogram", async () => {
      assert.equal((await server.push("a", [NATIVE()])).status, 200);
      const count = 'histogram_count(spread{_id="a"})';
      await eventually("the native histogram to arrive", async () => {
        const [element] = await evaluate(url, count);
        return element !== undefined && Number(element.value) === 6 ? true : undefined;
      }, { timeoutMs: 30_000 });
      assert.equal((await server.push("a", FAMILIES().slice(1, 2))).status, 200);
      await eventually("it to end", async () => (await evaluate(url, count)).length === 0 ? true : undefined, {
        timeoutMs: 30_000,
      });
    });
  });
}
