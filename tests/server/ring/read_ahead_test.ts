/** How the server reads pushes ahead that its ring is about to have it show. */

import assert from "node:assert/strict";
import type { PushVersion } from "../../../ring/protocol/push_version.ts";
import { COPY, entryOf, openRingHost, OWNER, untilShown } from "../../support/ring_host.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A host whose store counts what is read of it, and answers once it may. */
async function openCounting(options: Parameters<typeof openRingHost>[0] = {}) {
  const reads: string[] = [];
  let gate: Promise<void> = Promise.resolve(), entered = () => {};
  const site = await openRingHost({
    ...options,
    wrap: (store) => ({
      put: (push) => store.put(push),
      setMeta: (key, text) => store.setMeta(key, text),
      get: async (id) => {
        reads.push(id);
        entered();
        await gate;
        return await store.get(id);
      },
    }),
  });
  return {
    ...site,
    reads,
    /** Holds up reads until what it returns is called; `begun` resolves with the next one. */
    holdUp: () => {
      const { promise: begun, resolve } = Promise.withResolvers<void>();
      const open = Promise.withResolvers<void>();
      [gate, entered] = [open.promise, resolve];
      return { begun, open: open.resolve };
    },
    /** Waits until all reads before are answered, by one more. */
    passed: async (id: string, version: PushVersion) => {
      const shown = untilShown(site.index, id);
      site.host.show(id, version);
      await shown;
    },
  };
}

Deno.test("StoreRingHost.prepare() reads ahead, so that what is to be shown then is shown at once", async () => {
  await using site = await openCounting();
  const [a, b] = [entryOf(1), entryOf(2, { id: "b" })];
  for (const entry of [a, b]) await site.host.commit(entry, COPY);
  site.host.prepare("a", a.version);
  await site.passed("b", b.version);
  assert.deepEqual([site.reads.toSorted(), site.shown("a")], [["a", "b"], undefined]);
  site.host.show("a", a.version);
  assert.equal(site.shown("a"), 'x{_id="a"} 1\n');
  site.host.prepare("a", a.version);
  await site.passed("b", b.version);
  site.host.release();
  assert.equal(site.shown("a"), 'x{_id="a"} 1\n', "what is shown stays");
});

Deno.test("StoreRingHost.release() gives up what was prepared, which is read again when it is to be shown", async () => {
  await using site = await openCounting();
  const [a, b] = [entryOf(1), entryOf(2, { id: "b" })];
  for (const entry of [a, b]) await site.host.commit(entry, COPY);
  site.host.prepare("a", a.version);
  await site.passed("b", b.version);
  site.host.release();
  await site.passed("a", a.version);
  assert.equal(site.reads.filter((id) => id === "a").length, 2);
});

Deno.test("StoreRingHost shows what is being read ahead as soon as it is read, and reads it once", async () => {
  await using site = await openCounting();
  const entry = entryOf(1);
  await site.host.commit(entry, COPY);
  const { begun, open } = site.holdUp();
  site.host.prepare("a", entry.version);
  await begun;
  const shown = untilShown(site.index, "a");
  site.host.show("a", entry.version);
  site.host.release();
  open();
  await shown;
  assert.deepEqual(site.reads, ["a"]);
});

Deno.test("StoreRingHost.prepare() does nothing while memory is short", async () => {
  await using site = await openCounting({ memory: { state: "short" } });
  const entry = entryOf(1);
  await site.host.commit(entry, COPY);
  site.host.prepare("a", entry.version);
  assert.deepEqual(site.reads, []);
});

Deno.test("StoreRingHost reads back again what the store could not give", async () => {
  let failures = 1;
  await using site = await openRingHost({
    wrap: (store) => ({
      put: (push) => store.put(push),
      setMeta: (key, text) => store.setMeta(key, text),
      get: (id) => failures-- > 0 ? Promise.reject(new Error("the disk is gone")) : store.get(id),
    }),
  });
  const entry = entryOf(1);
  await site.host.commit(entry, COPY);
  const shown = untilShown(site.index, "a");
  site.host.show("a", entry.version);
  await shown;
  assert.equal(site.records.filter(({ level }) => level === "warn").length, 1);
});

Deno.test("StoreRingHost forgets what is prepared and never shown", async () => {
  await using site = await openRingHost();
  const entry = entryOf(1);
  await site.host.commit(entry, OWNER);
  site.host.expire(performance.now() + 1);
  const shown = untilShown(site.index, "a");
  site.host.show("a", entry.version);
  assert.equal(site.shown(), undefined);
  await shown;
});
