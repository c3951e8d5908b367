import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Registry } from "prom-client";
import { UsageError } from "../../../common/options.ts";
import { PushStore } from "../../../server/store/push_store.ts";
import { KEPT_ASIDE } from "../../../server/store/salvage.ts";
import { recordingLog } from "../../support/recording_log.ts";
import { madeUpBytes, NOW, openTestStore, pushOf, scratchDir, TTL_MS } from "../../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const PUSHES = 200;

/** A store of 200 clusters, closed, and its file. */
async function filledStore(dir: string): Promise<string> {
  await using test = await openTestStore({ dir });
  await Promise.all(Array.from({ length: PUSHES }, (_, at) => test.store.put(push(at))));
  await test.store.setMeta("incarnation", "7");
  return `${dir}/telemeter.kv`;
}

const push = (at: number) => pushOf(`cluster-${at}`, { bytes: 5_000, seed: at });

function corruptFiles(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) => name.includes(".corrupt-")).sort();
}

function overwrite(path: string, at: number, bytes: Uint8Array): void {
  using file = Deno.openSync(path, { write: true });
  file.seekSync(at, Deno.SeekMode.Start);
  file.writeSync(bytes);
}

/** Opens a store that must be refused and returns the sentence. */
async function refusal(dir: string): Promise<string> {
  const { log } = recordingLog();
  const error = await PushStore.open({ place: { dir }, ttlMs: TTL_MS, now: () => NOW, log, registry: new Registry() })
    .then(async (store) => {
      await store[Symbol.asyncDispose]();
      throw new Error("Was not refused");
    }, (error) => error);
  assert.ok(error instanceof UsageError, String(error));
  return error.message;
}

const GARBLED: Record<string, { garble: (path: string) => void; atLeastKept: number }> = {
  "its header overwritten": {
    garble: (path) => overwrite(path, 0, madeUpBytes({ bytes: 100, seed: 1 })),
    atLeastKept: 0,
  },
  "random bytes in its place": {
    garble: (path) => Deno.writeFileSync(path, madeUpBytes({ bytes: 100_000, seed: 1 })),
    atLeastKept: 0,
  },
  "its second half cut off": {
    garble: (path) => Deno.truncateSync(path, Math.floor(Deno.statSync(path).size / 8_192) * 4_096),
    atLeastKept: 0,
  },
  "cut in the middle of its header": {
    garble: (path) => Deno.truncateSync(path, 50),
    atLeastKept: 0,
  },
  "pages in its middle overwritten": {
    garble: (path) => {
      const middle = Math.floor(Deno.statSync(path).size / 8_192) * 4_096;
      overwrite(path, middle, madeUpBytes({ bytes: 40_000, seed: 1 }));
    },
    atLeastKept: PUSHES - 30,
  },
  "its main part gone and its log there": {
    garble: (path) => {
      Deno.renameSync(path, `${path}-wal`);
    },
    atLeastKept: 0,
  },
  "its main part emptied and its log there": {
    garble: (path) => {
      Deno.copyFileSync(path, `${path}-wal`);
      Deno.truncateSync(path);
    },
    atLeastKept: 0,
  },
};

for (const [what, { garble, atLeastKept }] of Object.entries(GARBLED)) {
  Deno.test(`PushStore.open() sets a file aside that has ${what}, says so and goes on`, async () => {
    using scratch = scratchDir();
    garble(await filledStore(scratch.dir));
    let kept: number;
    {
      await using test = await openTestStore(scratch);
      kept = test.loaded.length;
      assert.ok(kept >= atLeastKept && kept < PUSHES, `${kept}`);
      for (const found of test.loaded) assert.deepEqual(found, push(Number(found.id.slice("cluster-".length))));
      assert.equal(await test.metric("telemeter_store_files_set_aside_total"), 1);
      const [{ level, fields }] = test.records;
      assert.equal(level, "error");
      assert.equal(fields.aside, `${scratch.dir}/telemeter.kv.corrupt-2023-11-14T221320.000Z`);
      assert.equal(typeof fields.fault, "string");
      assert.ok(corruptFiles(scratch.dir).length > 0);
      await test.store.put(pushOf("new"));
    }
    await using test = await openTestStore(scratch);
    assert.equal(test.loaded.length, kept + 1);
    assert.deepEqual(test.records, []);
  });
}

Deno.test("PushStore.open() carries the server's own values over from a garbled file where it can", async () => {
  using scratch = scratchDir();
  GARBLED["pages in its middle overwritten"].garble(await filledStore(scratch.dir));
  await using test = await openTestStore(scratch);
  assert.equal(await test.store.getMeta("incarnation"), "7");
});

const ROUNDS = Number(Deno.env.get("TELEMETER_FUZZ_ROUNDS") ?? 25);

Deno.test("PushStore.open() and load() take any damage to the file, and yield only what is intact", async () => {
  using original = scratchDir();
  const path = await filledStore(original.dir);
  const size = Deno.statSync(path).size;
  for (let round = 1; round <= ROUNDS; round++) {
    using scratch = scratchDir();
    const copy = `${scratch.dir}/telemeter.kv`;
    Deno.copyFileSync(path, copy);
    const [where, length, kind] = new Uint32Array(madeUpBytes({ bytes: 12, seed: round }).slice().buffer);
    const at = where % size;
    if (kind % 4 === 0) Deno.truncateSync(copy, at);
    else overwrite(copy, at, madeUpBytes({ bytes: Math.min(1 + length % 20_000, size - at), seed: round }));
    await using test = await openTestStore(scratch);
    for (const found of test.loaded) assert.deepEqual(found, push(Number(found.id.slice("cluster-".length))));
    const told = test.records.filter(({ level }) => level === "error" || level === "warn").length;
    assert.ok(told > 0 || test.loaded.length === PUSHES, `round ${round}`);
    await test.store.put(pushOf("new"));
  }
});

Deno.test("PushStore.open() keeps only the newest of the files that it sets aside", async () => {
  using scratch = scratchDir();
  const path = await filledStore(scratch.dir);
  for (const round of [1, 2, 3, 4]) {
    Deno.writeFileSync(path, madeUpBytes({ bytes: 5_000, seed: round }));
    await using _ = await openTestStore(scratch, { now: () => NOW + round });
  }
  const stamps = ["2023-11-14T221320.003Z", "2023-11-14T221320.004Z"];
  assert.equal(stamps.length, KEPT_ASIDE);
  assert.deepEqual(corruptFiles(scratch.dir), stamps.map((stamp) => `telemeter.kv.corrupt-${stamp}`));
});

Deno.test("PushStore.open() completes a salvage that a crash cut off", async () => {
  using scratch = scratchDir();
  const path = await filledStore(scratch.dir);
  Deno.renameSync(path, `${path}.salvaged`);
  {
    await using test = await openTestStore(scratch);
    assert.equal(test.loaded.length, PUSHES);
  }
  // Cut off earlier, the garbled file is still there, and what was copied so far is nothing to rely on.
  Deno.writeFileSync(`${path}.salvaged`, madeUpBytes({ bytes: 5_000, seed: 1 }));
  GARBLED["pages in its middle overwritten"].garble(path);
  await using test = await openTestStore(scratch);
  assert.ok(test.loaded.length >= PUSHES - 30);
});

Deno.test("PushStore.open() says so when the file is empty, and goes on", async () => {
  using scratch = scratchDir();
  Deno.writeFileSync(`${scratch.dir}/telemeter.kv`, new Uint8Array());
  await using test = await openTestStore(scratch);
  assert.deepEqual(test.records.map(({ level }) => level), ["warn"]);
  assert.deepEqual(test.loaded, []);
});

Deno.test("PushStore.open() recovers what lies in the log that a killed process left", async () => {
  using scratch = scratchDir();
  using copy = scratchDir();
  const path = await filledStore(scratch.dir);
  {
    await using test = await openTestStore(scratch);
    await test.store.put(pushOf("in the log"));
    for (const part of ["", "-wal", "-shm"]) Deno.copyFileSync(path + part, `${copy.dir}/telemeter.kv${part}`);
  }
  assert.ok(Deno.statSync(`${copy.dir}/telemeter.kv-wal`).size > 0);
  await using test = await openTestStore(copy);
  assert.equal(test.loaded.length, PUSHES + 1);
  assert.deepEqual(test.records, []);
});

Deno.test("PushStore.open() ignores a torn end of the log", async () => {
  using scratch = scratchDir();
  using copy = scratchDir();
  const path = await filledStore(scratch.dir);
  {
    await using test = await openTestStore(scratch);
    await test.store.put(pushOf("first"));
    for (const part of ["", "-wal"]) Deno.copyFileSync(path + part, `${copy.dir}/telemeter.kv${part}`);
  }
  const wal = `${copy.dir}/telemeter.kv-wal`;
  Deno.writeFileSync(wal, madeUpBytes({ bytes: 7_000, seed: 1 }), { append: true });
  await using test = await openTestStore(copy);
  assert.equal(test.loaded.length, PUSHES + 1);
});

Deno.test("PushStore.open() creates the directory for its owner only", async () => {
  using scratch = scratchDir();
  const dir = `${scratch.dir}/a/b`;
  await using _ = await openTestStore({ dir });
  assert.equal(Deno.statSync(dir).mode! & 0o777, 0o700);
});

Deno.test("PushStore.open() refuses a directory that another store uses, and leaves it alone", async () => {
  using scratch = scratchDir();
  await using test = await openTestStore(scratch);
  await test.store.put(pushOf("a"));
  assert.equal(
    await refusal(scratch.dir),
    `Cannot use the storage directory '${scratch.dir}' as another server uses it: ` +
      "stop that one, or give each its own --storage-dir",
  );
  await test.store.put(pushOf("b"));
  await test[Symbol.asyncDispose]();
  await using again = await openTestStore(scratch);
  assert.deepEqual(again.loaded.map(({ id }) => id), ["a", "b"]);
});

Deno.test("PushStore.open() refuses a file that another program has locked, and leaves it alone", async () => {
  using scratch = scratchDir();
  const path = await filledStore(scratch.dir);
  {
    using db = new DatabaseSync(path);
    db.exec("begin immediate");
    assert.equal(
      await refusal(scratch.dir),
      `Cannot open the store in '${scratch.dir}' (database is locked): stop the process that has the file locked`,
    );
  }
  await using test = await openTestStore(scratch);
  assert.equal(test.loaded.length, PUSHES);
});

Deno.test("PushStore.open() refuses another program's database, and leaves it alone", async () => {
  using scratch = scratchDir();
  const path = `${scratch.dir}/telemeter.kv`;
  {
    using db = new DatabaseSync(path);
    db.exec("create table recipes (name text); insert into recipes values ('soup')");
  }
  const before = Deno.readFileSync(path);
  assert.equal(
    await refusal(scratch.dir),
    `Cannot use '${path}' as it is another program's database (it has a table 'recipes'): ` +
      "move it away, or give another --storage-dir",
  );
  assert.deepEqual(Deno.readFileSync(path), before);
  assert.deepEqual(corruptFiles(scratch.dir), []);
});

Deno.test("PushStore.open() refuses a directory that it cannot write to", async () => {
  using scratch = scratchDir();
  Deno.writeTextFileSync(`${scratch.dir}/file`, "");
  for (const dir of [`${scratch.dir}/file`, `${scratch.dir}/file/below`]) {
    assert.match(
      await refusal(dir),
      /^Cannot open the store in '.+' \(.+\): a directory is wanted: name another --storage-dir$/,
      dir,
    );
  }
  // Root may write anywhere but in /proc.
  for (const dir of ["/proc/telemeter", "/proc"]) {
    assert.match(
      await refusal(dir),
      /^Cannot open the store in '.+' \(.+\): give a --storage-dir that this user may write to$/,
      dir,
    );
  }
  // A directory where the file should be.
  Deno.mkdirSync(`${scratch.dir}/telemeter.kv`);
  assert.match(await refusal(scratch.dir), /unable to open database file.*: check that its disk/);
});
