import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { madeUpBytes, openTestStore, scratchDir } from "../support/test_store.ts";
import { numberedPush } from "../support/store_writer.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const WRITER = new URL("../support/store_writer.ts", import.meta.url).pathname;
const ROUNDS = Number(Deno.env.get("TELEMETER_CRASH_ROUNDS") ?? 5);

interface Call {
  readonly call: string;
  readonly number: number;
}

/** Runs a writer until it has acknowledged so many calls, kills it, and notes what it began and acknowledged. */
async function runAndKill(dir: string, options: { acks: number; first: number; began: Map<string, Call[]> }) {
  const acked = new Map<string, Call>();
  let last = options.first;
  const child = new Deno.Command(Deno.execPath(), {
    // The least permissions that a store needs.
    args: [
      "run",
      "--no-prompt",
      "--unstable-kv",
      `--allow-read=${dir}`,
      `--allow-write=${dir}`,
      WRITER,
      dir,
      `${last}`,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let acks = 0;
  for await (const line of createInterface({ input: Readable.fromWeb(child.stdout) })) {
    const [direction, call, number, id] = line.split(" ");
    if (id === undefined) continue; // Cut by the kill.
    if (direction === "<") {
      options.began.set(id, [...options.began.get(id) ?? [], { call, number: Number(number) }]);
      last = Math.max(last, Number(number) + 1);
    } else {
      acked.set(id, { call, number: Number(number) });
      if (++acks === options.acks) child.kill("SIGKILL");
    }
  }
  assert.equal((await child.status).signal, "SIGKILL");
  return { acked, last };
}

Deno.test("PushStore loses nothing acknowledged and shows nothing half-written after kill -9", async () => {
  using scratch = scratchDir();
  const began = new Map<string, Call[]>();
  const settled = new Map<string, Call>();
  let first = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const [random] = madeUpBytes({ bytes: 4, seed: round });
    const { acked, last } = await runAndKill(scratch.dir, { acks: 20 + random, first, began });
    first = last;
    await using test = await openTestStore(scratch);
    assert.deepEqual(test.records, []);
    const loaded = new Map(test.loaded.map((push) => [push.id, push]));
    for (const [id, calls] of began) {
      const push = loaded.get(id);
      const acknowledged = acked.get(id) ?? settled.get(id);
      const number = push && new DataView(push.body.buffer, push.body.byteOffset).getUint32(0);
      const possible = calls.filter((call) => call.number >= (acknowledged?.number ?? 0));
      if (acknowledged === undefined && push === undefined) continue;
      // What stands is the last acknowledged call or one that began after it.
      const stands = push === undefined
        ? possible.some(({ call }) => call === "delete")
        : possible.some((call) => call.call === "put" && call.number === number);
      assert.ok(stands, `round ${round}: ${id} has ${number}, acknowledged ${JSON.stringify(acknowledged)}`);
      if (push !== undefined) assert.deepEqual(push, numberedPush(id, number!));
      // What is there now is what the next round starts from.
      const call = push === undefined ? "delete" : "put";
      settled.set(id, { call, number: number ?? possible.findLast((entry) => entry.call === "delete")!.number });
      began.set(id, [settled.get(id)!]);
    }
    const bytes = test.loaded.reduce((sum, { body }) => sum + body.length, 0);
    assert.deepEqual([test.store.sizes().entries, test.store.sizes().bytes], [loaded.size, bytes]);
  }
  const kv = await Deno.openKv(`${scratch.dir}/telemeter.kv`);
  const chunks = await Array.fromAsync(kv.list({ prefix: ["telemeter", "chunk"] }), ({ value }) => value as Uint8Array);
  kv.close();
  await using test = await openTestStore(scratch);
  const large = test.loaded.filter(({ body }) => body.length > 65_000);
  assert.equal(
    chunks.reduce((sum, { length }) => sum + length, 0),
    large.reduce((sum, { body }) => sum + body.length, 0),
    "No chunk is left over",
  );
});
