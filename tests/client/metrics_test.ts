import assert from "node:assert/strict";
import { addProcessMetrics, clientMetrics } from "../../client/metrics.ts";
import { FamilyRegistry } from "../../common/exposition/family_registry.ts";
import { formatText } from "../../common/exposition/text_format.ts";
import { createRegistry } from "../../common/metrics.ts";

const pageOf = (registry: FamilyRegistry) => new TextDecoder().decode(formatText(registry.families()));
const headOf = (page: string) => page.split("\n").filter((line) => line.startsWith("#"));

Deno.test("clientMetrics() shows what is counted from the start as 0, and every reason of a loss", () => {
  const registry = new FamilyRegistry();
  const metrics = clientMetrics(registry);
  const page = pageOf(registry);
  for (const line of ["federate_samples 0", "federate_requests_total 0", "federate_requests_failed_total 0"]) {
    assert.ok(page.includes(`\n${line}\n`), line);
  }
  assert.match(page, /^telemeter_client_samples_dropped_total\{reason="too_old"\} 0$/m);
  assert.match(page, /^telemeter_client_samples_dropped_total\{reason="older_than_ttl"\} 0$/m);
  metrics.onSamples({ scraped: 5, kept: 3 });
  metrics.onClock("server", -1_500);
  metrics.onDropped("too_old", 2);
  const lines = pageOf(registry).split("\n");
  for (
    const line of [
      "federate_samples 5",
      "federate_filtered_samples 2",
      'telemeter_client_clock_difference_seconds{clock="server"} -1.5',
      'telemeter_client_samples_dropped_total{reason="too_old"} 2',
    ]
  ) assert.ok(lines.includes(line), line);
});

Deno.test("addProcessMetrics() shows the process as a server shows its own", async () => {
  const registry = new FamilyRegistry();
  addProcessMetrics(registry);
  const server = await createRegistry().metrics();
  const page = pageOf(registry);
  assert.deepEqual(headOf(page), headOf(server));
  const seriesOf = (text: string) => text.split("\n").filter((line) => /^\w/.test(line)).map((l) => l.split(" ")[0]);
  assert.deepEqual(seriesOf(page), seriesOf(server));
  const valueOf = (name: string) => Number(new RegExp(`^${name} (.*)$`, "m").exec(page)?.[1]);
  assert.ok(valueOf("process_cpu_seconds_total") > 0);
  assert.ok(valueOf("process_resident_memory_bytes") > 1_000_000);
  assert.ok(Math.abs(valueOf("process_start_time_seconds") - Date.now() / 1_000) < 60);
});
