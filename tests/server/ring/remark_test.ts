/** What the owner of a cluster left out of a push, told to a client that came to another member of the ring. */

import { NO_DIRECTORY } from "../../support/no_directory.ts";
import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { RepeatLog } from "../../../common/repeat_log.ts";
import { Ring } from "../../../ring/ring.ts";
import { eventually } from "../../../scripts/process/eventually.ts";
import { ExpositionIndex } from "../../../server/exposition/exposition_index.ts";
import { Renderer } from "../../../server/ingest/renderer.ts";
import { Capacity } from "../../../server/limits/capacity.ts";
import { PushLimiter } from "../../../server/limits/rate_limit.ts";
import type { Push } from "../../../server/pushes/push.ts";
import { PushAccount } from "../../../server/pushes/push_account.ts";
import { PushCommitter } from "../../../server/pushes/push_committer.ts";
import { Forward } from "../../../server/ring/forward.ts";
import { StoreRingHost } from "../../../server/ring/store_ring_host.ts";
import { MemoryNetwork } from "../../support/memory_mesh.ts";
import { recordingLog } from "../../support/recording_log.ts";
import { RENDER_RULES } from "../../support/render_rules.ts";
import { NO_WRITES } from "../../support/ring_host.ts";
import { openTestStore, scratchDir } from "../../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A member whose clients push through {@linkcode Forward}. */
async function startMember(name: string, { network, seeds }: { network: MemoryNetwork; seeds: readonly string[] }) {
  await using opening = new AsyncDisposableStack();
  const { dir } = opening.use(scratchDir());
  const { store } = opening.use(await openTestStore({ dir }));
  const registry = new Registry();
  const index = new ExpositionIndex({ ttlMs: 600_000 });
  const { log } = recordingLog();
  const committer = new PushCommitter({
    renderer: new Renderer(RENDER_RULES),
    capacity: new Capacity({ maxClusters: 0, maxSeries: 0, index, store }),
    store,
    index,
    account: new PushAccount({
      ttlMs: 600_000,
      losses: new RepeatLog(log, { level: "info" }),
      directory: NO_DIRECTORY,
      registry,
    }),
  });
  const limiter = new PushLimiter({ intervalMs: 0 });
  const host = opening.use(
    new StoreRingHost({
      ...{ name, partitionLabel: "_id", committer, store, index, limiter, registry, log },
      states: NO_WRITES,
    }),
  );
  const self = { name, address: name, host: name };
  const mesh = (hello: Parameters<MemoryNetwork["mesh"]>[1]) => network.mesh(name, hello);
  const ring = opening.use(await Ring.start({ self, seeds, ttlMs: 600_000, mesh, host, registry, log }));
  const stack = opening.move();
  return {
    ring,
    index,
    forward: new Forward({ ring, limitBytes: 1_000, standstill: { isJustOver: false }, registry }),
    dropped: async (reason: string) =>
      (await registry.getSingleMetric("telemeter_samples_dropped_total")!.get()).values
        .find(({ labels }) => labels.reason === reason)?.value,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** A push of a good sample, and one that comes from the future. */
function oddPush(id: string): Push {
  // A ring goes by the clock on the wall.
  const now = Date.now();
  const metrics = [now, now + 660_000].map((timestampMs, i) => ({
    labels: [{ name: "_id", value: id }, { name: "i", value: String(i) }],
    value: 1,
    timestampMs,
  }));
  return {
    id,
    labels: new Map([["_id", id]]),
    contentType: "protobuf",
    contentEncoding: "identity",
    receivedAtMs: now,
    maxBytes: 1_000,
    body: () => Promise.resolve(encodeFamilies([{ name: "x", type: "untyped", metrics }])),
  };
}

Deno.test("Forward brings what the owner says it left out to the client of another member", async () => {
  const network = new MemoryNetwork();
  await using a = await startMember("a", { network, seeds: ["b"] });
  await using b = await startMember("b", { network, seeds: ["a"] });
  for (const { ring } of [a, b]) {
    await eventually("the ring to open", () => ring.closed === undefined, { timeoutMs: 30_000 });
  }
  const ids = Array.from({ length: 10 }, (_, i) => `cluster-${i}`);
  for (const id of ids) {
    const { result, remark } = await a.forward.accept(oddPush(id));
    assert.equal(result, "stored");
    assert.match(
      remark ?? "",
      new RegExp(`^Left out x\\{_id="${id}",i="1"\\}: the sample is more than 10m ahead of the clock; set the clock`),
    );
  }
  const owned = [a, b].map(({ index }) => ids.filter((id) => index.get(id)?.series === 1).length);
  assert.equal(owned[0] + owned[1], ids.length);
  assert.ok(owned[0] > 0 && owned[1] > 0, "both own some");
  // Each sample is counted where it was left out.
  assert.deepEqual([await a.dropped("too_new"), await b.dropped("too_new")], owned);
});
