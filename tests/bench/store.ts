/**
 * What it costs to keep pushes: group commit against a commit per push, and the load at start. Run with
 * `deno run --unstable-kv -A tests/bench/store.ts [CLUSTERS]`; it needs 50 KB of disk a cluster in the temporary folder.
 *
 * @module
 */

import process from "node:process";
import { Keys, layPush } from "../../server/store/layout.ts";
import { madeUpBytes, NOW, openTestStore, pushOf, scratchDir } from "../support/test_store.ts";

/** A push of 521 series, compressed. */
const PUSH_BYTES = 21_000;
const PUSHES = 8_000;
const CLUSTERS = 1_000;

const body = madeUpBytes({ bytes: PUSH_BYTES, seed: 1 });
const print = (line: string) => void Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));

/** Keeps so many calls in flight and tells their rate, CPU time and waits. */
async function measure(name: string, { inFlight, put }: { inFlight: number; put: (at: number) => Promise<unknown> }) {
  for (let at = 0; at < CLUSTERS; at++) await put(at);
  const waits: number[] = [];
  let next = 0;
  const work = async () => {
    while (next < PUSHES) {
      const startedAt = performance.now();
      await put(next++);
      waits.push(performance.now() - startedAt);
    }
  };
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: inFlight }, work));
  const tookMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  waits.sort((a, b) => a - b);
  const percentile = (share: number) => waits[Math.floor(share * (waits.length - 1))].toFixed(2);
  print(
    `${name.padEnd(16)} ${String(inFlight).padStart(3)} in flight: ${
      (PUSHES / tookMs * 1_000).toFixed(0).padStart(6)
    }/s  ` +
      `${((user + system) / PUSHES).toFixed(0).padStart(4)} µs CPU a push  p50 ${percentile(0.5)} ms  p99 ${
        percentile(0.99)
      } ms`,
  );
}

async function commitPerPush(inFlight: number): Promise<void> {
  using scratch = scratchDir();
  using kv = await Deno.openKv(`${scratch.dir}/telemeter.kv`);
  const keys = new Keys("telemeter");
  const put = (at: number) => {
    const [{ key, value }] = layPush(pushOf(`cluster-${at % CLUSTERS}`, body), { keys, generation: 1 });
    return kv.atomic().set(key, value).commit();
  };
  await measure("commit per push", { inFlight, put });
}

async function groupCommit(inFlight: number): Promise<void> {
  using scratch = scratchDir();
  await using test = await openTestStore(scratch);
  await measure("group commit", { inFlight, put: (at) => test.store.put(pushOf(`cluster-${at % CLUSTERS}`, body)) });
}

async function load(clusters: number): Promise<void> {
  using scratch = scratchDir();
  {
    await using test = await openTestStore(scratch);
    for (let at = 0; at < clusters; at += 500) {
      const ids = Array.from({ length: Math.min(500, clusters - at) }, (_, n) => `cluster-${at + n}`);
      await Promise.all(ids.map((id) => test.store.put(pushOf(id, body, NOW))));
    }
  }
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  await using test = await openTestStore(scratch);
  const tookMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  print(
    `open and load of ${test.loaded.length} clusters: ${tookMs.toFixed(0)} ms, ` +
      `${((user + system) / 1_000).toFixed(0)} ms CPU, file ${
        (test.store.sizes().fileBytes! / 2 ** 20).toFixed(0)
      } MiB`,
  );
}

for (const inFlight of [1, 16, 64]) {
  await commitPerPush(inFlight);
  await groupCommit(inFlight);
}
await load(Number(Deno.args[0] ?? 10_000));
