/** What the server does for the ring, with a real store, renderer and index. */

import assert from "node:assert/strict";
import { madeBytes } from "../../../ring/protocol/push_bytes.ts";
import type { PushVersion } from "../../../ring/protocol/push_version.ts";
import { decodePush, LocalPush } from "../../../server/ring/push_encoding.ts";
import { RING_STATE } from "../../../server/store/layout.ts";
import { COPY, entryOf, openRingHost, OWNER, STANDBY, untilShown } from "../../support/ring_host.ts";
import { NOW } from "../../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("StoreRingHost shows what it has committed at the ring's word, not before", async () => {
  await using site = await openRingHost();
  const entry = entryOf(1);
  assert.deepEqual(await site.host.commit(entry, OWNER), { ok: true });
  assert.equal(site.shown(), undefined);
  site.host.show("a", { ...entry.version });
  assert.equal(site.shown(), 'x{_id="a"} 1\n');
  site.host.hide("a");
  assert.equal(site.shown(), undefined);
});

Deno.test("StoreRingHost shows a push that was checked before an older one was read back, and stored after it", async () => {
  const asked = Promise.withResolvers<void>(), goesOn = Promise.withResolvers<void>();
  await using site = await openRingHost({
    wrap: (store) => ({
      put: async (push) => {
        if (push.version?.sequence === 2) {
          asked.resolve();
          await goesOn.promise;
        }
        await store.put(push);
      },
      get: (id) => store.get(id),
      setMeta: (key, value) => store.setMeta(key, value),
    }),
  });
  const older = entryOf(1), newer = entryOf(2);
  assert.deepEqual(await site.host.commit(older, STANDBY), { ok: true });
  // It has just become the owner, and a push comes at the moment at which it may show what it holds.
  const committed = site.host.commit(newer, OWNER);
  await asked.promise;
  const isShown = untilShown(site.index, "a");
  site.host.show("a", older.version);
  await isShown;
  assert.equal(site.shown(), 'x{_id="a"} 1\n');
  goesOn.resolve();
  assert.deepEqual(await committed, { ok: true });
  site.host.show("a", newer.version);
  assert.equal(site.shown(), 'x{_id="a"} 2\n');
});

Deno.test("StoreRingHost keeps version and role, and loads what it committed", async () => {
  await using site = await openRingHost();
  const entry = entryOf(1);
  await site.host.commit(entry, STANDBY);
  const { version, role } = (await site.store.get("a"))!;
  assert.deepEqual([version, role], [entry.version, "standby"]);
  assert.deepEqual(await site.host.load("a"), entry);
  assert.equal(await site.host.load("b"), undefined);
});

Deno.test("StoreRingHost commits a push of its own client without encoding it", async () => {
  await using site = await openRingHost();
  const entry = entryOf(1, { ingress: "me" });
  const local = new LocalPush(decodePush(madeBytes(entry.bytes)));
  local.make = () => assert.fail("it was encoded");
  assert.equal(local.length, entry.bytes.length);
  assert.deepEqual(await site.host.commit({ ...entry, bytes: local }, OWNER), { ok: true });
  assert.deepEqual(await site.host.load("a"), entry);
  site.host.show("a", entry.version);
  assert.equal(site.shown(), 'x{_id="a"} 1\n');
});

Deno.test("StoreRingHost reads a copy back that it inherits", async () => {
  await using site = await openRingHost();
  const entry = entryOf(1);
  await site.host.commit(entry, COPY);
  const shown = untilShown(site.index, "a");
  site.host.show("a", entry.version);
  assert.equal(site.shown(), undefined);
  await shown;
  assert.equal(site.shown(), 'x{_id="a"} 1\n');
});

Deno.test("StoreRingHost shows nothing that was hidden or overtaken while it was read back", async () => {
  let admission: Promise<void> | undefined;
  let entered = () => {};
  await using site = await openRingHost({
    wrap: (store) => ({
      put: (push) => store.put(push),
      setMeta: (key, text) => store.setMeta(key, text),
      get: async (id) => {
        const push = await store.get(id);
        entered();
        await admission;
        return push;
      },
    }),
  });
  const [old, newer] = [entryOf(1), entryOf(2, { id: "a" })];
  await site.host.commit(old, COPY);
  await site.host.commit(entryOf(3, { id: "b" }), COPY);
  for (const overtake of [() => site.host.hide("a"), () => site.host.show("a", newer.version)]) {
    const open = Promise.withResolvers<void>();
    const reading = Promise.withResolvers<void>();
    admission = open.promise;
    entered = reading.resolve;
    site.host.show("a", old.version);
    await reading.promise;
    await site.host.commit(newer, OWNER);
    overtake();
    const before = site.shown();
    admission = undefined;
    open.resolve();
    // What is wanted after it is read after it.
    const shown = untilShown(site.index, "b");
    site.host.show("b", entryOf(3).version);
    await shown;
    assert.equal(site.shown(), before);
  }
  assert.equal(site.shown(), 'x{_id="a"} 2\n');
});

Deno.test("StoreRingHost writes one line of all clusters that it cannot read back, and reads them again", async () => {
  const CLUSTERS = 50;
  let reads = 0, isDown = false;
  const allRead = Promise.withResolvers<void>();
  await using site = await openRingHost({
    wrap: (store) => ({
      put: (push) => store.put(push),
      setMeta: (key, text) => store.setMeta(key, text),
      get: (id) => {
        if (!isDown) return store.get(id);
        if (++reads > CLUSTERS) allRead.resolve();
        return Promise.reject(new Error("The disk is gone"));
      },
    }),
  });
  const entries = Array.from({ length: CLUSTERS }, (_, i) => entryOf(i, { id: `c-${i}` }));
  for (const entry of entries) await site.host.commit(entry, COPY);
  isDown = true;
  const shown = entries.map(({ id }) => untilShown(site.index, id));
  for (const { id, version } of entries) site.host.show(id, version);
  await allRead.promise;
  const lines = site.records.filter(({ sentence }) => sentence.startsWith("Cannot read a stored push back"));
  assert.deepEqual(lines.map(({ level, fields }) => [level, fields.cluster]), [["warn", "c-0"]]);
  isDown = false;
  await Promise.all(shown);
});

Deno.test("StoreRingHost restores what the store held, with a version for what came before the ring", async () => {
  await using site = await openRingHost();
  const { labels, body } = decodePush(madeBytes(entryOf(1).bytes));
  const push = {
    id: "a",
    receivedAtMs: NOW - 5,
    contentType: "protobuf",
    contentEncoding: "identity",
    labels,
    body,
  } as const;
  const stored = await site.host.restore(push);
  const version: PushVersion = { epoch: 0, ms: NOW - 5, ingress: "me", sequence: 0 };
  assert.deepEqual(stored, { id: "a", version, receivedAtMs: NOW - 5, size: body.length });
  assert.equal(site.shown(), undefined);
  site.host.show("a", version);
  assert.equal(site.shown(), 'x{_id="a"} 1\n');
});

Deno.test("StoreRingHost hands over and reads back what was stored before the ring, under the version it was given", async () => {
  await using site = await openRingHost();
  const before = entryOf(1);
  const content = decodePush(madeBytes(before.bytes));
  await site.store.put({ ...content, id: "a", receivedAtMs: NOW - 5 });
  // As old as it was when the store was last in use: not by the clock of today.
  const { version } = await site.host.restore({ ...content, id: "a", receivedAtMs: NOW - 7 });
  assert.deepEqual(await site.host.load("a"), { ...before, version, receivedAtMs: NOW - 5 });
  site.host.show("a", version);
  site.host.hide("a");
  assert.equal(site.shown(), undefined);
  const isShown = untilShown(site.index, "a");
  site.host.show("a", version);
  await isShown;
  assert.equal(site.shown(), 'x{_id="a"} 1\n');
  const newer = entryOf(2);
  await site.host.commit(newer, COPY);
  assert.deepEqual(await site.host.load("a"), newer);
});

Deno.test("StoreRingHost keeps the ring's state in the store", async () => {
  await using site = await openRingHost();
  await site.host.save('{"incarnation":7}');
  assert.equal(await site.store.getMeta(RING_STATE), '{"incarnation":7}');
});
