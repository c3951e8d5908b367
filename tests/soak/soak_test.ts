/** A soak that is short, so that it goes on working, and the server with it. */

import assert from "node:assert/strict";
import { ATTACKS } from "./attacks.ts";
import { footprintOf } from "./footprint.ts";
import { canMount } from "../support/small_disk.ts";
import { soak } from "./soak.ts";
import { recordingLog } from "../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("soak() loses nothing acknowledged in a few seconds of faults and attacks", async () => {
  const { log } = recordingLog();
  const plan = { seed: 7, durationMs: 10_000, clusters: 40, pushesPerSecond: 40 };
  const { faults, answers, acts, pages } = await soak(plan, { log, signal: new AbortController().signal });
  assert.deepEqual(faults, []);
  assert.ok((answers.get("200") ?? 0) >= 40, "pushes were acknowledged");
  assert.ok(pages >= 5, `${pages} pages were read`);
  assert.ok([...acts.keys()].some((act) => act in ATTACKS), "it was attacked");
});

Deno.test({
  name: "soak() loses nothing acknowledged by a ring of three whose disks are full at times",
  ignore: !await canMount(),
  fn: async () => {
    const { log } = recordingLog();
    const plan = { seed: 2, durationMs: 8_000, clusters: 30, pushesPerSecond: 30, servers: 3, fullDisk: true };
    const { faults, lost, answers, acts, servers } = await soak(plan, { log, signal: new AbortController().signal });
    assert.deepEqual([faults, lost], [[], 0]);
    assert.ok((answers.get("200") ?? 0) >= 30, "pushes were acknowledged");
    assert.ok([...acts.keys()].some((act) => act.includes("full disk")), "disks were full");
    assert.equal(servers.length, 3);
  },
});

Deno.test("footprintOf() sees memory, descriptors and threads", async () => {
  const before = await footprintOf(Deno.pid);
  assert.ok(before.residentBytes > 10_000_000 && before.threads > 0);
  // Other tests of the same process open and close some as well.
  const files = await Promise.all(Array.from({ length: 200 }, () => Deno.open(new URL(import.meta.url))));
  const { descriptors } = await footprintOf(Deno.pid);
  for (const file of files) file.close();
  assert.ok(descriptors > before.descriptors + 100, `${before.descriptors} and then ${descriptors}`);
});
