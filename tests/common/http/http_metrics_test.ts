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
  assert.deepEqual(await linesOf("telemeter_http_connections_refused_total"), [
    'telemeter_http_connections_refused_total{listener="external",reason="address"} 1',
  ]);
  assert.deepEqual(await linesOf("telemeter_http_connections_cut_total"), [
    'telemeter_http_connections_cut_total{listener="external",reason="idle"} 1',
  ]);
});
