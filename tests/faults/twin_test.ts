/** A server that is started by mistake with the name of another one, where the others look for a member of the ring. */

import assert from "node:assert/strict";
import { eventually } from "../../scripts/process/eventually.ts";
import { RingServers } from "./ring_servers.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const TIMEOUT_MS = 60_000;

Deno.test("a ring shows all its pages while a twin of one member runs at an address that the others list", async () => {
  await using ring = await RingServers.create({ names: ["a", "b", "c"], listsVacant: true });
  await ring.start();
  const twin = ring.twin(ring.servers[1], { cluster: ring.vacant });
  twin.launch();
  const statuses = new Set<number>();
  await eventually("each of them to have met the twin, some more than once", async () => {
    const met = await Promise.all(ring.servers.map(async (server) => {
      const response = await fetch(new URL("federate", server.internal));
      await response.body?.cancel();
      statuses.add(response.status);
      return await server.metric('telemeter_ring_dials_total{result="name-taken"}');
    }));
    return Math.min(...met) >= 1 && Math.max(...met) >= 3;
  }, { timeoutMs: TIMEOUT_MS });
  assert.deepEqual([...statuses], [200]);
  const response = await fetch(new URL("healthz/ready", twin.internal));
  assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "5"]);
  await response.body?.cancel();
});
