import assert from "node:assert/strict";
import { createRegistry } from "../../../common/metrics.ts";
import { RepeatLog } from "../../../common/repeat_log.ts";
import { ExpositionIndex } from "../../../server/exposition/exposition_index.ts";
import { Renderer } from "../../../server/ingest/renderer.ts";
import { Capacity } from "../../../server/limits/capacity.ts";
import { EventLoopShare } from "../../../server/limits/event_loop_share.ts";
import { PushAccount } from "../../../server/pushes/push_account.ts";
import { ClusterLogs } from "../../../server/remote_write/cluster_logs.ts";
import { DeltaRenderer } from "../../../server/remote_write/delta_renderer.ts";
import { WriteCommitter } from "../../../server/remote_write/write_committer.ts";
import { NO_DIRECTORY } from "../../support/no_directory.ts";
import { recordingLog } from "../../support/recording_log.ts";
import { RENDER_RULES } from "../../support/render_rules.ts";
import { NOW, openTestStore, scratchDir, TTL_MS } from "../../support/test_store.ts";
import { oneSample, writeRequest } from "../../support/write_sender.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("WriteCommitter has what a request replaced as a whole serve the next ones", async () => {
  using scratch = scratchDir();
  await using test = await openTestStore(scratch);
  const { store } = test, { log } = recordingLog(), registry = createRegistry(), now = () => NOW;
  const index = new ExpositionIndex({ ttlMs: TTL_MS });
  const share = new EventLoopShare();
  const capacity = new Capacity({ maxClusters: 0, maxSeries: 0, index, store });
  const losses = new RepeatLog(log, { level: "info" });
  const account = new PushAccount({ ttlMs: TTL_MS, losses, directory: NO_DIRECTORY, registry });
  const common = { store, index, capacity, account, share, maxSeries: () => 1_000 };
  const logs = new ClusterLogs({ ...common, ttlMs: TTL_MS, now, log });
  const renderer = new Renderer(RENDER_RULES);
  const writes = new WriteCommitter({
    ...common,
    logs,
    deltas: new DeltaRenderer(RENDER_RULES),
    renderer: () => renderer,
  });
  const buffers: ArrayBufferLike[] = [];
  for (let round = 0; round < 6; round++) {
    const { body } = writeRequest(
      Array.from(
        { length: 40 },
        (_, i) =>
          oneSample({ __name__: "m", _id: "a", i: String(i) }, { value: round, timestamp: NOW - 1_000 + round }),
      ),
    );
    await writes.accept({
      ...{ id: "a", receivedAtMs: NOW, labels: new Map([["_id", "a"]]) },
      ...{ contentType: "remote write 1.0", contentEncoding: "snappy", body: () => Promise.resolve(body) },
    } as never);
    const entry = index.current("a")!;
    assert.match(new TextDecoder().decode(entry.text), new RegExp(`^(m\\{_id="a",i="\\d+"\\} ${round}\n){40}$`));
    buffers.push(entry.text.buffer);
  }
  assert.equal(new Set(buffers).size, 2);
});
