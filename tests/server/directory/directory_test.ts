import assert from "node:assert/strict";
import { Directory, type DirectoryOptions } from "../../../server/directory/directory.ts";
import type { AcceptedPush } from "../../../server/directory/source.ts";
import { BAD, STRANGER } from "../../support/refusals.ts";

function setUp(options: Partial<DirectoryOptions> = {}) {
  const clock = { ms: 1_700_000_000_000 };
  const directory = new Directory({
    maxSources: 1_000,
    retentionMs: 3_600_000,
    ttlMs: 600_000,
    now: () => clock.ms,
    elapsed: () => clock.ms - 1_600_000_000_000,
    ...options,
  });
  const push = (id: string, more: Partial<AcceptedPush> = {}) =>
    directory.accepted({
      id,
      receivedAtMs: clock.ms,
      transport: "text, gzip",
      bytes: 10,
      families: 1,
      series: 1,
      dropped: 0,
      leftOut: new Map(),
      newestMs: clock.ms,
      ...more,
    });
  return { directory, push, clock };
}

Deno.test("Directory.sweep() tells once what has changed with each source", async () => {
  const { directory, push, clock } = setUp();
  const changes = async () => (await directory.sweep()).map(({ source, before, after }) => [source.id, before, after]);
  push("a");
  push("b");
  assert.deepEqual(await changes(), [["a", undefined, "up"], ["b", undefined, "up"]]);
  assert.deepEqual(await changes(), []);
  clock.ms += 300_000;
  push("b");
  clock.ms += 300_001;
  assert.deepEqual(await changes(), [["a", "up", "silent"]]);
  push("a");
  directory.refused("b", BAD);
  assert.deepEqual(await changes(), [["a", "silent", "up"], ["b", "up", "refused"]]);
});

Deno.test("Directory.sweep() calls a source new, and not silent, whose first pushes went through to an owner that has left", async () => {
  let owned = false;
  const { directory, clock } = setUp({ owns: () => owned });
  directory.broughtBy("a", { userAgent: "client", address: "192.0.2.1", keyId: "k", tokenEndsMs: 0, atMs: clock.ms });
  assert.deepEqual(await directory.sweep(), []);
  owned = true;
  clock.ms += 5_000;
  assert.deepEqual((await directory.sweep()).map(({ before, after }) => [before, after]), [[undefined, "up"]]);
});

Deno.test("Directory.sweep() says which sources are revoked, and which are so no longer", async () => {
  let revoked = new Set(["a"]);
  const { directory, push } = setUp({ revoked: () => Promise.resolve(revoked) });
  push("a");
  assert.deepEqual((await directory.sweep()).map(({ after }) => after), ["revoked"]);
  assert.equal(directory.get("a")!.state, "revoked");
  revoked = new Set();
  assert.deepEqual((await directory.sweep()).map(({ after }) => after), ["up"]);
});

Deno.test("Directory.sweep() forgets who has been silent for its retention", async () => {
  const { directory, push, clock } = setUp();
  push("a");
  clock.ms += 3_600_001;
  push("b");
  await directory.sweep();
  assert.deepEqual([...directory.list()].map(({ source }) => source.id), ["b"]);
  push("c");
  assert.equal(directory.pushesOf("c").length, 1, "the place of another source is empty when it is taken");
});

Deno.test("Directory keeps the last 24 pushes of a source, refused ones as well", () => {
  const { directory, push, clock } = setUp();
  for (let i = 0; i < 30; i++) {
    clock.ms += 1_000;
    push("a", { bytes: 100 + i });
  }
  clock.ms += 1_000;
  directory.refused("a", BAD);
  const pushes = directory.pushesOf("a");
  assert.deepEqual(pushes.map(({ bytes }) => bytes), [...Array.from({ length: 23 }, (_, i) => 107 + i), 0]);
  assert.equal(pushes.at(-1)!.atMs, clock.ms);
});

Deno.test("Directory stays bounded over 100,000 ids that somebody makes up", async () => {
  const { directory, push } = setUp();
  push("good");
  for (let i = 0; i < 100_000; i++) directory.refused(`stranger ${i}`, STRANGER);
  for (let i = 0; i < 100_000; i++) directory.refused(`newcomer ${i}`, BAD);
  assert.equal(directory.strangers.length, 256);
  assert.equal(directory.strangers[0].id, "stranger 99999");
  assert.ok([...directory.list()].length <= 1_001);
  assert.deepEqual((await directory.sweep()).map(({ source }) => source.id), ["good"]);
});

Deno.test("Directory makes room for a source that pushes by one that has been silent for the longest", () => {
  const { directory, push, clock } = setUp({ maxSources: 10 });
  for (let i = 0; i < 10; i++) {
    clock.ms += 1_000;
    push(`old ${i}`);
  }
  push("old 0");
  clock.ms += 1_000;
  push("new");
  const ids = [...directory.list()].map(({ source }) => source.id);
  assert.equal(ids.length, 10);
  assert.ok(!ids.includes("old 1") && ids.includes("old 0") && ids.includes("new"));
});

Deno.test("Directory knows what was refused of a source before its first push was accepted", () => {
  const { directory, push } = setUp();
  directory.refused("a", STRANGER);
  assert.equal(directory.strangers.length, 1);
  directory.refused("a", BAD);
  assert.equal(directory.get("a")!.state, "refused");
  push("a");
  assert.deepEqual([directory.strangers.length, directory.get("a")!.source.refusals], [0, 1]);
  assert.equal([...directory.list()].length, 1);
});

Deno.test("Directory.forget() forgets a source and all that was refused to it, until it comes again", async () => {
  const { directory, push } = setUp();
  for (const id of ["a", "b"]) push(id);
  directory.refused("new", BAD);
  directory.refused("stranger", STRANGER);
  directory.takeChanged({ withUsual: true });
  for (const id of ["a", "new", "stranger", "nobody"]) directory.forget(id);
  assert.deepEqual([...directory.all()].map(({ id }) => id), ["b"]);
  assert.deepEqual([directory.get("a"), directory.pushesOf("a"), directory.strangers], [undefined, [], []]);
  assert.deepEqual(directory.takeChanged({ withUsual: false }), [0]);
  assert.deepEqual(directory.shard(0).map(({ source }) => source.id), ["b"]);
  push("a");
  assert.equal(directory.get("a")!.source.pushes, 1);
  assert.equal((await directory.sweep()).length, 2);
});
