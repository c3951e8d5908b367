/** What the servers of a ring forward, and what a sink gets to see when clusters move from one to another. */

import assert from "node:assert/strict";
import { encodeFamilies, PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { SinkReceiver, type SinkVisit } from "../support/sink_receiver.ts";
import { type RingServer, RingServers } from "./ring_servers.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const IDS = Array.from({ length: 12 }, (_, i) => `cluster-${i}`);

async function push(ring: RingServers, { to, value }: { to: RingServer; value: number }) {
  for (const id of IDS) {
    const labels = [{ name: "_id", value: id }];
    const timestampMs = Date.now();
    await eventually(`a push of ${id} to be taken`, async () => {
      const response = await fetch(new URL("upload", to.external), {
        method: "POST",
        headers: { authorization: `Bearer ${await ring.token(id)}`, "content-type": PROTOBUF_CONTENT_TYPE },
        body: encodeFamilies([{ name: "x", type: "gauge", metrics: [{ labels, value, timestampMs }] }]),
      } as RequestInit);
      await response.body?.cancel();
      return response.status === 200 ? true : undefined;
    }, { timeoutMs: 60_000 });
  }
}

/** The values that came of each cluster, in order. */
function valuesOf(visits: readonly SinkVisit[]): Map<string, (number | "stale")[]> {
  const values = new Map<string, (number | "stale")[]>(IDS.map((id) => [id, []]));
  for (const { labels, samples } of visits.flatMap(({ series }) => series)) {
    values.get(Object.fromEntries(labels)._id)?.push(...samples.map(({ value }) => value));
  }
  return values;
}

Deno.test("servers of a ring forward what each owns, and go on without an end or a gap where a cluster moves", async () => {
  await using receiver = new SinkReceiver();
  await using ring = await RingServers.create({ names: ["a", "b", "c"], flags: [`--forward-url=${receiver.url}`] });
  await ring.start();
  const [a, b] = ring.servers;
  const all = (value: number) =>
    receiver.until((visits) => valuesOf(visits).values().every((of) => of.includes(value)));
  await push(ring, { to: a, value: 1 });
  await all(1);
  for (const [id, values] of valuesOf(receiver.visits)) {
    assert.deepEqual(values, [1], `${id} is forwarded by one alone`);
  }
  // Leaves in good order.
  await b.stop();
  await push(ring, { to: a, value: 2 });
  await all(2);
  for (const [id, values] of valuesOf(receiver.visits)) {
    assert.ok(!values.includes("stale"), `${id}: ${values}`);
    assert.deepEqual(values, values.toSorted(), `${id}: ${values}`);
  }
});
