import assert from "node:assert/strict";
import { NOW, openTestStore, pushOf, scratchDir, TTL_MS } from "../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const HOURS = 24;
const CLUSTERS = 100;
const PUSHES_AN_HOUR = 3;
const MIB = 2 ** 20;

Deno.test("PushStore reuses the space of clusters that went: its file does not grow over a day", async () => {
  using scratch = scratchDir();
  await using test = await openTestStore(scratch);
  const path = `${scratch.dir}/telemeter.kv`;
  const sizes: number[] = [];
  let largestLog = 0;
  let largestLive = 0;
  for (let hour = 0; hour < HOURS; hour++) {
    // Half of the clusters of the hour before stay, sizes change, and one in ten lies in chunks.
    const ids = Array.from({ length: CLUSTERS }, (_, at) => `cluster-${hour * CLUSTERS / 2 + at}`);
    for (let round = 0; round < PUSHES_AN_HOUR; round++) {
      test.clock.now = NOW + hour * 3_600_000 + round * 240_000;
      await Promise.all(ids.map((id, at) => {
        const seed = (hour * PUSHES_AN_HOUR + round) * CLUSTERS + at;
        const bytes = seed % 10 === 0 ? 150_000 : 2_000 + seed * 7_919 % 40_000;
        return test.store.put(pushOf(id, { bytes, seed }, test.clock.now));
      }));
      await test.store.sweep();
      largestLog = Math.max(largestLog, Deno.statSync(`${path}-wal`).size);
      largestLive = Math.max(largestLive, test.store.sizes().bytes);
    }
    sizes.push(Deno.statSync(path).size);
  }
  const shown = sizes.map((size) => (size / MIB).toFixed(1)).join(" ");
  assert.ok(sizes.at(-1)! <= 1.1 * sizes[HOURS / 4], `It grew: ${shown}`);
  assert.ok(sizes.at(-1)! <= 2 * largestLive, `It holds ${largestLive / MIB} at most and takes ${shown}`);
  // A checkpoint comes at 1,000 pages, and the largest commit adds 200.
  assert.ok(largestLog <= 8 * MIB, `The log has ${largestLog / MIB}`);

  // When all have gone, the file keeps its size, and what comes next finds room in it.
  test.clock.now += TTL_MS;
  await test.store.sweep();
  assert.equal(test.store.sizes().entries, 0);
  for (let at = 0; at < CLUSTERS; at++) {
    await test.store.put(pushOf(`late-${at}`, { bytes: 30_000, seed: at }, test.clock.now));
  }
  assert.ok(Deno.statSync(path).size <= 1.1 * sizes[HOURS / 4]);
  await test[Symbol.asyncDispose]();
  assert.deepEqual([...Deno.readDirSync(scratch.dir)].map(({ name }) => name).sort(), [
    "telemeter.kv",
    "telemeter.lock",
  ]);
});
