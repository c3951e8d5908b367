/** What the server does for the ring, with a real store, renderer and index. */

import { NO_DIRECTORY } from "../../support/no_directory.ts";
import assert from "node:assert/strict";
import { install } from "@sinonjs/fake-timers";
import type { MetricFamily } from "../../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import type { Entry } from "../../../ring/protocol/effects.ts";
import { madeBytes } from "../../../ring/protocol/push_bytes.ts";
import type { PushVersion } from "../../../ring/protocol/push_version.ts";
import { RING_STATE, StoreRingHost } from "../../../server/ring/store_ring_host.ts";
import { decodePush, encodePush, LocalPush } from "../../../server/ring/push_encoding.ts";
import { ExpositionIndex } from "../../../server/exposition/exposition_index.ts";
import { Renderer } from "../../../server/ingest/renderer.ts";
import { Capacity } from "../../../server/limits/capacity.ts";
import type { MemoryState } from "../../../server/limits/memory_guard.ts";
import { PushAccount } from "../../../server/pushes/push_account.ts";
import { PushCommitter } from "../../../server/pushes/push_committer.ts";
import { PushLimiter } from "../../../server/limits/rate_limit.ts";
import type { PushStore } from "../../../server/store/push_store.ts";
import { RENDER_RULES } from "../../support/render_rules.ts";
import { RepeatLog } from "../../../common/repeat_log.ts";
import { recordingLog } from "../../support/recording_log.ts";
import { NOW, openTestStore, scratchDir } from "../../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const DECODER = new TextDecoder();

/** A host named `me`, and what is around it. */
async function openHost(
  { intervalMs = 0, elapsed, wrap = (store) => store, memory }: {
    intervalMs?: number;
    elapsed?: () => number;
    memory?: { readonly state: MemoryState };
    wrap?: (store: PushStore) => Pick<PushStore, "put" | "get" | "setMeta">;
  } = {},
) {
  await using opening = new AsyncDisposableStack();
  const { dir } = opening.use(scratchDir());
  const { store, registry } = opening.use(await openTestStore({ dir }));
  const index = new ExpositionIndex({ ttlMs: 600_000 });
  const renderer = new Renderer(RENDER_RULES);
  const capacity = new Capacity({ maxClusters: 3, maxSeries: 0, index, store });
  const wrapping = wrap(store);
  const wrapped: Pick<PushStore, "put" | "get" | "has" | "setMeta"> = {
    put: (push) => wrapping.put(push),
    get: (id) => wrapping.get(id),
    setMeta: (key, text) => wrapping.setMeta(key, text),
    has: (id) => store.has(id),
  };
  const { log, records } = recordingLog();
  const committer = new PushCommitter({
    renderer,
    capacity,
    store: wrapped,
    index,
    account: new PushAccount({
      ttlMs: 600_000,
      losses: new RepeatLog(log, { level: "info" }),
      directory: NO_DIRECTORY,
      registry,
    }),
  });
  const limiter = new PushLimiter({ intervalMs });
  const host = opening.use(
    new StoreRingHost({
      name: "me",
      partitionLabel: "_id",
      committer,
      store: wrapped,
      index,
      limiter,
      elapsed,
      memory,
      registry,
      log,
    }),
  );
  const stack = opening.move();
  return {
    host,
    store,
    index,
    records,
    misplaced: async () => {
      const [, count] = /^telemeter_ring_misplaced_pushes_total (\d+)$/m.exec(await registry.metrics()) ?? [];
      return Number(count);
    },
    shown: (id = "a") => {
      const entry = index.get(id);
      return entry && DECODER.decode(entry.text);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** A push of one series of a cluster. */
function entryOf(
  value: number,
  { id = "a", ms = NOW, ingress = "other", claims = id, token = id }: {
    id?: string;
    ms?: number;
    ingress?: string;
    claims?: string;
    token?: string | undefined;
  } = {},
): Entry {
  const family: MetricFamily = {
    name: "x",
    type: "untyped",
    metrics: [{ labels: [{ name: "_id", value: claims }], value, timestampMs: NOW }],
  };
  const labels = new Map([["_id", token]]);
  const bytes = encodePush({
    contentType: "protobuf",
    contentEncoding: "identity",
    labels,
    body: encodeFamilies([family]),
  });
  return { id, version: { epoch: 1, ms, ingress, sequence: value }, receivedAtMs: NOW, bytes };
}

const OWNER = { role: "owner", fresh: true } as const;
const STANDBY = { role: "standby", fresh: true } as const;
const COPY = { role: "standby", fresh: false } as const;

/** Resolves once the index shows something of a cluster. */
function untilShown(index: ExpositionIndex, id: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const replace = index.replace.bind(index);
  index.replace = (entry) => {
    replace(entry);
    if (entry.id === id) resolve();
  };
  return promise;
}

Deno.test("StoreRingHost shows what it has committed at the ring's word, not before", async () => {
  await using site = await openHost();
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
  await using site = await openHost({
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

for (const [what, how] of [["as owner", OWNER], ["as standby", STANDBY], ["as a copy", COPY]] as const) {
  Deno.test(`StoreRingHost takes no push, ${what}, whose token is of another cluster than its id, and counts it`, async () => {
    await using site = await openHost();
    assert.deepEqual(await site.host.commit(entryOf(1), how), { ok: true });
    for (let i = 0; i < 20; i++) {
      const result = await site.host.commit(entryOf(2, { token: "b\n\u202ec", claims: "b" }), how);
      assert.deepEqual(result, {
        ok: false,
        refused: {
          reason: "invalid identity",
          detail: "Cannot accept the push: the labels of its token are not of the cluster that it is sent for",
        },
      });
    }
    assert.equal((await site.host.load("a"))?.version.sequence, 1, "what was held is held");
    assert.equal(await site.misplaced(), 20);
    const [line, ...more] = site.records.filter(({ level }) => level === "warn");
    assert.deepEqual(more, [], "the log has one line a minute");
    assert.deepEqual(line.fields, { cluster: "a", claims: "b\\u{a}\\u{202e}c", ingress: "other" });
  });
}

Deno.test("StoreRingHost refuses bytes that are no push, which no other member would take either", async () => {
  await using site = await openHost();
  for (const how of [OWNER, COPY]) {
    const result = await site.host.commit({ ...entryOf(1), bytes: new Uint8Array(9) }, how);
    const detail = "Cannot decode a push of the ring: its header is not JSON";
    assert.deepEqual(result, { ok: false, refused: { reason: "invalid malformed", detail } });
  }
});

Deno.test("StoreRingHost keeps version and role, and loads what it committed", async () => {
  await using site = await openHost();
  const entry = entryOf(1);
  await site.host.commit(entry, STANDBY);
  const { version, role } = (await site.store.get("a"))!;
  assert.deepEqual([version, role], [entry.version, "standby"]);
  assert.deepEqual(await site.host.load("a"), entry);
  assert.equal(await site.host.load("b"), undefined);
});

Deno.test("StoreRingHost commits a push of its own client without encoding it", async () => {
  await using site = await openHost();
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
  await using site = await openHost();
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
  await using site = await openHost({
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

/** A host whose store counts what is read of it, and answers once it may. */
async function openCounting(options: Parameters<typeof openHost>[0] = {}) {
  const reads: string[] = [];
  let gate: Promise<void> = Promise.resolve(), entered = () => {};
  const site = await openHost({
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
  await using site = await openHost({
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

Deno.test("StoreRingHost refuses what is at fault, keeping what the cluster had, and checks it in either role", async () => {
  await using site = await openHost();
  await site.host.commit(entryOf(1), OWNER);
  for (const role of [OWNER, STANDBY]) {
    const result = await site.host.commit(entryOf(2, { claims: "b" }), role);
    assert.equal(result.ok, false);
    assert.equal(!result.ok && result.refused?.reason, "invalid identity");
  }
  assert.deepEqual((await site.host.load("a"))?.version, entryOf(1).version);
});

Deno.test("StoreRingHost refuses clusters beyond the limit, but takes their copies", async () => {
  await using site = await openHost();
  for (const id of ["a", "b", "c"]) assert.deepEqual(await site.host.commit(entryOf(1, { id }), STANDBY), { ok: true });
  const result = await site.host.commit(entryOf(1, { id: "d" }), OWNER);
  assert.equal(!result.ok && result.refused?.reason, "capacity clusters");
  assert.deepEqual(await site.host.commit(entryOf(1, { id: "d" }), COPY), { ok: true });
});

Deno.test("StoreRingHost holds a cluster to its rate whichever member it pushes to, by its own clock", async () => {
  const clock = { now: 0 };
  await using site = await openHost({ intervalMs: 60_000, elapsed: () => clock.now });
  const at = (now: number, value: number, options: { ms?: number; ingress?: string } = {}) => {
    clock.now = now;
    return site.host.commit(entryOf(value, options), OWNER);
  };
  assert.deepEqual(await at(0, 1), { ok: true });
  const early = await at(30_000, 2, { ms: NOW + 60_000 });
  assert.equal(!early.ok && early.refused?.reason, "rate 28000", "however far the clock of its ingress is ahead");
  // Clocks of ingresses are apart, and one push is on its way for longer than the next.
  for (let turn = 1; turn < 50; turn++) {
    const [ms, late] = turn % 2 === 0 ? [NOW, 1_500] : [NOW - 2_000, 0];
    assert.deepEqual(
      await at(turn * 60_000 + late, 10 + turn, { ms: ms + turn * 60_000, ingress: `i${turn % 2}` }),
      {
        ok: true,
      },
    );
  }
  // A push of this member's own client was asked at the door.
  assert.deepEqual(await at(clock.now, 99, { ms: NOW + 3_600_000, ingress: "me" }), { ok: true });
});

for (const how of ["restored", "copied"] as const) {
  Deno.test(`StoreRingHost shows what it was ${how} without memory for it once there is some, and tells meanwhile`, async () => {
    const memory = { state: "short" as MemoryState };
    await using site = await openHost({ memory });
    const entry = entryOf(1);
    if (how === "copied") await site.host.commit(entry, { role: "owner", fresh: false });
    else {
      await site.host.commit(entry, COPY);
      await site.host.restore((await site.store.get("a"))!);
    }
    const time = install({ toFake: ["setTimeout", "clearTimeout"] });
    using _ = { [Symbol.dispose]: () => time.uninstall() };
    site.host.show("a", entry.version);
    await time.tickAsync(5_000);
    assert.equal(site.shown(), undefined);
    assert.deepEqual(site.records.map(({ level, fields }) => [level, fields.left]), [["error", 1]]);
    memory.state = "room";
    const shown = untilShown(site.index, "a");
    await time.tickAsync(1_000);
    await shown;
    assert.equal(site.shown(), 'x{_id="a"} 1\n');
  });
}

Deno.test("StoreRingHost replaces what it shows while memory is short", async () => {
  const memory = { state: "room" as MemoryState };
  await using site = await openHost({ memory });
  for (const value of [1, 2]) {
    const entry = entryOf(value);
    assert.deepEqual(await site.host.commit(entry, OWNER), { ok: true });
    site.host.show("a", entry.version);
    assert.equal(site.shown(), `x{_id="a"} ${value}\n`);
    memory.state = "short";
  }
});

Deno.test("StoreRingHost tells a store that fails from a push at fault", async () => {
  await using site = await openHost({
    wrap: (store) => ({
      put: () => Promise.reject(new Error("no such device")),
      get: (id) => store.get(id),
      setMeta: (key, text) => store.setMeta(key, text),
    }),
  });
  await assert.rejects(site.host.commit(entryOf(1), OWNER), /no such device/);
  assert.equal(site.index.clusters, 0);
});

Deno.test("StoreRingHost restores what the store held, with a version for what came before the ring", async () => {
  await using site = await openHost();
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

Deno.test("StoreRingHost forgets what is prepared and never shown", async () => {
  await using site = await openHost();
  const entry = entryOf(1);
  await site.host.commit(entry, OWNER);
  site.host.expire(performance.now() + 1);
  const shown = untilShown(site.index, "a");
  site.host.show("a", entry.version);
  assert.equal(site.shown(), undefined);
  await shown;
});

Deno.test("StoreRingHost keeps the ring's state in the store", async () => {
  await using site = await openHost();
  await site.host.save('{"incarnation":7}');
  assert.equal(await site.store.getMeta(RING_STATE), '{"incarnation":7}');
});
