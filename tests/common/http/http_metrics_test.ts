import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { HttpMetrics } from "../../../common/http/http_metrics.ts";

Deno.test("HttpMetrics shows each listener's open connections as long as it is watched", async () => {
  const registry = new Registry(), metrics = new HttpMetrics(registry);
  const linesOf = async (name: string) =>
    (await registry.metrics()).split("\n").filter((line) => line.startsWith(name + "{"));
  const stop = metrics.watchOpen("external", () => 3);
  metrics.watchOpen("internal", () => 0);
  metrics.refused("external", "address");
  metrics.cut("external", "idle");
  assert.deepEqual(await linesOf("telemeter_http_connections"), [
    'telemeter_http_connections{listener="external"} 3',
    'telemeter_http_connections{listener="internal"} 0',
  ]);
  stop();
  assert.deepEqual(await linesOf("telemeter_http_connections"), ['telemeter_http_connections{listener="internal"} 0']);
  for (const [what, reason] of [["refused", "address"], ["cut", "idle"]]) {
    const name = `telemeter_http_connections_${what}_total`, lines = await linesOf(name);
    const one = `${name}{listener="external",reason="${reason}"} 1`;
    assert.deepEqual(lines.filter((line) => !line.endsWith(" 0")), [one]);
  }
});

Deno.test("HttpMetrics counts what becomes of a listener's connections from 0", async () => {
  const registry = new Registry(), metrics = new HttpMetrics(registry);
  metrics.watchOpen("external", () => 0);
  const text = await registry.metrics();
  const reasonsOf = (what: string) =>
    [...text.matchAll(new RegExp(`^telemeter_http_connections_${what}_total{.*reason="(\\w+)"} 0$`, "gm"))]
      .map(([, reason]) => reason);
  assert.deepEqual(reasonsOf("refused"), ["total", "address", "network"]);
  assert.deepEqual(reasonsOf("cut").slice(-4), ["drain", "room_total", "room_address", "room_network"]);
});
