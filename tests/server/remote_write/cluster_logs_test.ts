import assert from "node:assert/strict";
import { eventually } from "../../../scripts/process/eventually.ts";
import { ExpositionIndex, toEntry } from "../../../server/exposition/exposition_index.ts";
import { Renderer } from "../../../server/ingest/renderer.ts";
import { EventLoopShare } from "../../../server/limits/event_loop_share.ts";
import { ClusterLogs } from "../../../server/remote_write/cluster_logs.ts";
import type { StoredPush } from "../../../server/store/push_store.ts";
import { recordingLog } from "../../support/recording_log.ts";
import { RENDER_RULES } from "../../support/render_rules.ts";
import { NOW, TTL_MS } from "../../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("ClusterLogs put what clusters show in place of long logs, a few at a time", async () => {
  const index = new ExpositionIndex({ ttlMs: TTL_MS });
  const begun: { readonly id: string; readonly end: () => void }[] = [];
  const room = { [Symbol.dispose]: () => {} };
  const logs = new ClusterLogs({
    store: {
      append: () => Promise.resolve(),
      compact: ({ id }) => new Promise((end) => begun.push({ id, end })),
      logOf: () => ({ pushBytes: 1, bytes: 1_000_000, next: 1 }),
      has: () => true,
    },
    capacity: { reserve: () => room } as never,
    ...{ index, maxSeries: () => 1_000, ttlMs: TTL_MS, now: () => NOW, log: recordingLog().log },
    share: new EventLoopShare(),
  });
  const renderer = new Renderer(RENDER_RULES);
  const ids = Array.from({ length: 10 }, (_, i) => `cluster-${i}`);
  for (const id of ids) {
    const push: StoredPush = {
      ...{ id, receivedAtMs: NOW, labels: new Map([["_id", id]]), contentType: "text", contentEncoding: "identity" },
      body: new TextEncoder().encode(`up{_id="${id}"} 1 ${NOW}\n`),
    };
    const entry = toEntry(renderer.render(push), { id, sequence: 0, receivedAtMs: NOW });
    await logs.append(push, { values: entry, bytes: entry.bytes, series: entry.series });
  }
  for (let ended = 0; ended < ids.length; ended++) {
    const most = Math.min(ids.length, ended + 4);
    await eventually(`${most} are begun`, () => begun.length >= most, { timeoutMs: 5_000, intervalMs: 1 });
    assert.equal(begun.length, most);
    begun[ended].end();
  }
  assert.deepEqual(begun.map(({ id }) => id), ids);
});
