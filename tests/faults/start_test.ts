/** New servers that find few of those that they list, or others than these. */

import assert from "node:assert/strict";
import { eventually } from "../../scripts/process/eventually.ts";
import { RingServers } from "./ring_servers.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const TIMEOUT_MS = 60_000;

Deno.test("new servers of a ring say whom they miss, are not ready alone, and serve once a majority is there", async () => {
  await using ring = await RingServers.create({ names: ["a", "b", "c"] });
  const [a, b, c] = ring.servers;
  a.launch();
  const seeds = (state: string) => a.metric(`telemeter_ring_seeds{state="${state}"}`);
  await eventually("a to miss both others", async () => await seeds("unreachable") === 2, { timeoutMs: TIMEOUT_MS });
  await eventually("a to say so", () => {
    const log = a.tail(50);
    return [b, c].every(({ cluster }) => log.includes(`--join: start that server`) && log.includes(cluster));
  }, { timeoutMs: TIMEOUT_MS });
  // Longer than silent seeds were waited for: 10 s.
  const startedMs = performance.now();
  await eventually("time to pass", async () => {
    assert.equal(await a.isReady(), false);
    return performance.now() - startedMs > 12_000;
  }, { timeoutMs: TIMEOUT_MS, intervalMs: 500 });
  await eventually("a to warn for whom it waits that it shows nothing", () => {
    const log = a.tail(50).split("\n");
    const line = log.find((line) => line.includes("Shows nothing, and waits for others") && /\bwarn/i.test(line)) ?? "";
    return [b, c].every(({ cluster }) => line.includes(`${cluster}, which cannot be reached`));
  }, { timeoutMs: TIMEOUT_MS });
  const { waitsFor } = await (await fetch(new URL("debug/cluster", a.internal))).json();
  assert.deepEqual(waitsFor, [b, c].map(({ cluster }) => ({ member: cluster, why: "unreachable" })));
  assert.match(
    await (await fetch(new URL("ring", a.internal))).text(),
    /This server shows nothing now: .*Waits for 127/,
  );
  b.launch();
  await Promise.all([a.ready(), b.ready()]);
  assert.deepEqual([await seeds("linked"), await seeds("unreachable")], [1, 1]);
  c.launch();
  await c.ready();
  for (const server of ring.servers) assert.equal(await server.metric("telemeter_ring_view_members"), 3, server.name);
});

Deno.test("a server whose --join leads to a server of another authority says so, and is no ring of one", async () => {
  await using ring = await RingServers.create({ names: ["a"], listsVacant: true });
  await using others = await RingServers.create({ names: ["b"], at: ring.vacant });
  const [a] = ring.servers, [b] = others.servers;
  await others.start();
  a.launch();
  const refused = () => a.metric('telemeter_ring_seeds{state="refused"}');
  await eventually("a to meet b", async () => await refused() === 1, { timeoutMs: TIMEOUT_MS });
  assert.match(a.tail(50), /Somebody answers at an address of --join.*our --cluster-ca did not sign its certificate/);
  assert.equal(await a.isReady(), false);
  assert.equal(await b.isReady(), true);
});
