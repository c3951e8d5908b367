/** The client as a program that sends by remote write: to our server, and to real receivers. */

import assert from "node:assert/strict";
import type { Metric, MetricType } from "../../common/exposition/metric_family.ts";
import { evaluate } from "../../scripts/integration/promql.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { CLASSIC_HISTOGRAM, freshFamily, NATIVE_HISTOGRAM } from "../support/fresh_families.ts";
import { OpenServer } from "../support/open_server.ts";
import { startClient, tempFolder } from "../support/programs.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";
import { RECEIVERS, seriesOf, startReceiver } from "../support/write_receivers.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const WAIT = { timeoutMs: 30_000 };

const family = (name: string, type: MetricType, values: Readonly<Record<string, Metric["value"]>>) =>
  freshFamily({ name, type, values });

const latency = () => family("latency", "histogram", { one: CLASSIC_HISTOGRAM });

const spread = () => family("spread", "histogram", { one: NATIVE_HISTOGRAM });

Deno.test("telemeter-client --remote-write has a server show what it reads, under its token's labels, until it ends", async () => {
  await using source = new SourcePrometheus();
  await using server = await OpenServer.start();
  await using folder = await tempFolder();
  source.up(family("up", "gauge", { one: 1, two: 0 }), latency(), spread());
  await using client = await startClient([
    ...[`--from=${source.url}`, `--to=http://127.0.0.1:${server.port}`, "--id=a", "--remote-write", "--interval=1s"],
    `--to-token-file=${await folder.write("token", "initial")}`,
  ]);
  const names = async () => new Set((await server.lines()).map((line) => line.slice(0, line.indexOf("{"))));
  await eventually("all to be shown", async () => (await names()).has("spread_count") ? true : undefined, WAIT);
  const lines = await server.lines();
  assert.ok(lines.includes('up{_id="a",instance="",job="",part="two"} 0'), lines.join("\n"));
  assert.ok(lines.every((line) => line.includes('_id="a"')), lines.join("\n"));
  assert.deepEqual([...await names()].sort(), [
    ...["latency_bucket", "latency_count", "latency_sum", "spread_bucket", "spread_count", "spread_sum", "up"],
  ]);
  source.up(family("up", "gauge", { one: 1 }));
  // Long before its TTL.
  await eventually("the rest to end", async () => (await server.lines()).length === 1 ? true : undefined, WAIT);
  const [, version] = await client.child.line(/ msg=Pushed .* by="remote write (\S+)"/);
  assert.equal(version, "2.0");
  assert.equal(await server.metric('telemeter_remote_write_requests_total{version="2.0",result="rejected"}'), 0);
  const page = await (await fetch(client.url, { headers: { accept: "text/html" } })).text();
  assert.match(page, /Remote-writes to/);
});

for (const receiver of RECEIVERS) {
  const { name, version } = receiver;
  Deno.test(`telemeter-client --remote-write has ${name} show what it reads, by ${version}, until it ends`, async () => {
    await using running = await startReceiver(receiver);
    if (running === undefined) return;
    const { url } = running;
    await using source = new SourcePrometheus();
    source.up(family("up", "gauge", { one: 1, two: 0 }), latency(), ...version === "2.0" ? [spread()] : []);
    await using client = await startClient([
      ...[`--from=${source.url}`, `--to-upload=${url}api/v1/write`, "--remote-write", "--interval=1s", "--label=_id=a"],
    ]);
    const wanted = [
      ...['up [["_id","a"],["part","one"]] 1', 'up [["_id","a"],["part","two"]] 0'],
      'latency_bucket [["_id","a"],["le","0.5"],["part","one"]] 1',
      'latency_bucket [["_id","a"],["le","+Inf"],["part","one"]] 3',
      ...['latency_sum [["_id","a"],["part","one"]] 4.5', 'latency_count [["_id","a"],["part","one"]] 3'],
    ];
    const floats = async () => (await seriesOf(url)).filter((series) => !series.startsWith("spread "));
    const shown = await eventually("all series to arrive", async () => {
      const series = await floats();
      return series.length === wanted.length ? series : undefined;
    }, WAIT);
    assert.deepEqual(shown, wanted.sort());
    if (version === "2.0") {
      const [element] = await evaluate(url, 'histogram_count(spread{_id="a"})');
      assert.equal(Number(element?.value), 6);
    }
    // The same samples again, as the source has none that are newer, and a receiver minds it not.
    await client.child.line(/ msg=Pushed .* ended=0/);
    source.up(family("up", "gauge", { one: 7 }));
    await eventually("the rest to end", async () => {
      const series = await seriesOf(url);
      return series.length === 1 && series[0].endsWith(" 7") ? true : undefined;
    }, WAIT);
    const [, spoken] = await client.child.line(/ msg=Pushed .* by="remote write (\S+)"/);
    assert.equal(spoken, version);
    assert.deepEqual(client.child.lines.filter((line) => / level=(warn|error) /.test(line)), []);
  });
}
