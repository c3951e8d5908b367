/** Real receivers of remote write behind the real server: what is asked of them has the answers that /federate shows. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { messageOf } from "../../common/explain.ts";
import type { Metric, MetricFamily, MetricType } from "../../common/exposition/metric_family.ts";
import type { WriteVersion } from "../../common/remote_write/write_fields.ts";
import { findRelease, type Runner } from "../../scripts/integration/prometheus_runner.ts";
import { evaluate } from "../../scripts/integration/promql.ts";
import { findVictoriaMetrics } from "../../scripts/integration/victoria_metrics.ts";
import { Child, type ChildCommand } from "../../scripts/process/child.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { freePort } from "../../scripts/process/free_port.ts";
import { untilReady } from "../../scripts/process/ready.ts";
import { OpenServer } from "../support/open_server.ts";

Deno.test.sanitizer({ ops: true, resources: true });

interface Receiver {
  readonly name: string;
  /** The version that it is spoken to in the end. */
  readonly version: WriteVersion;
  /** Whether names may be of any UTF-8. */
  readonly takesUtf8: boolean;
  readonly command: (place: { port: number; folder: string }) => Promise<ChildCommand>;
  readonly health: string;
}

const pathOf = (runner: Runner) => {
  if ("path" in runner) return runner.path;
  throw new Error("there is an image alone");
};

const prometheus = (release: "3.5" | "2.42", more: readonly string[] = []) => async ({ port, folder }: Place) => {
  await Deno.writeTextFile(join(folder, "prometheus.yml"), "{}");
  return {
    name: `prometheus-${release}`,
    path: pathOf(await findRelease(release)),
    args: [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--web.enable-remote-write-receiver",
      ...more,
    ],
  };
};

type Place = { readonly port: number; readonly folder: string };

const RECEIVERS: readonly Receiver[] = [
  {
    name: "Prometheus 3.5",
    version: "2.0",
    takesUtf8: true,
    command: prometheus("3.5", ["--enable-feature=native-histograms"]),
    health: "-/ready",
  },
  { name: "Prometheus 2.42", version: "1.0", takesUtf8: false, command: prometheus("2.42"), health: "-/ready" },
  {
    name: "VictoriaMetrics",
    version: "1.0",
    takesUtf8: true,
    command: async ({ port, folder }) => ({
      name: "victoria-metrics",
      path: await findVictoriaMetrics(),
      args: [
        `-storageDataPath=${join(folder, "data")}`,
        `-httpListenAddr=127.0.0.1:${port}`,
        "-search.latencyOffset=0s",
        "-search.maxStalenessInterval=5m",
      ],
    }),
    health: "health",
  },
];

/** A family of the cluster `a`. */
function family(name: string, type: MetricType, values: Readonly<Record<string, Metric["value"]>>): MetricFamily {
  const metrics = Object.entries(values).map(([part, value]): Metric => ({
    labels: [{ name: "part", value: part }, { name: "_id", value: "a" }],
    value,
    timestampMs: Date.now(),
  }));
  return { name, type, metrics };
}

const FAMILIES = () => [
  family("requests_total", "counter", { one: 12, two: 0.125 }),
  family("temperature", "gauge", { one: -3.5, two: 1e300 }),
  family("whatever", "untyped", { 'a "quoted" \\ part\nof ü': 7 }),
  family("latency", "histogram", {
    one: { count: 3, sum: 4.5, buckets: [{ upperBound: 0.5, count: 1 }, { upperBound: Infinity, count: 3 }] },
  }),
  family("size", "summary", { one: { count: 2, sum: 9, quantiles: [{ quantile: 0.5, value: 4 }] } }),
];

const NATIVE = () =>
  family("spread", "histogram", {
    one: {
      count: 6,
      sum: 12,
      buckets: [],
      native: {
        schema: 0,
        zeroThreshold: 0.001,
        zeroCount: 1,
        positive: { spans: [{ offset: 0, length: 2 }], counts: [2, 3] },
        negative: { spans: [], counts: [] },
      },
    },
  });

/** Everything that a receiver has of the cluster, one text a series. */
async function seriesOf(url: URL): Promise<string[]> {
  const elements = await evaluate(url, '{_id="a"}');
  return elements.map(({ labels, value }) => {
    const { __name__: name, ...rest } = labels;
    return `${name} ${JSON.stringify(Object.entries(rest).sort())} ${Number(value)}`;
  }).sort();
}

for (const { name, version, takesUtf8, command, health } of RECEIVERS) {
  Deno.test(`${name} behind --forward-url has what /federate shows, by ${version}, and the ends of series`, async (t) => {
    const folder = await Deno.makeTempDir();
    const port = freePort();
    await using stack = new AsyncDisposableStack();
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    let started: ChildCommand;
    try {
      started = await command({ port, folder });
    } catch (error) {
      const words = `Skipped, as there is no ${name} on this machine: ${messageOf(error)}\n`;
      await Deno.stderr.write(new TextEncoder().encode(words));
      return;
    }
    const receiver = new Child(started);
    stack.defer(async () => void await receiver.stop());
    const url = new URL(`http://127.0.0.1:${port}/`);
    await untilReady(receiver, new URL(health, url), { timeoutMs: 60_000 });
    const server = stack.use(await OpenServer.start(`--forward-url=${url}api/v1/write`, "--ratelimit=0"));
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
