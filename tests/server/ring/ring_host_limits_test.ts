/** What the server refuses of what its ring brings it: faults, limits, want of memory. */

import assert from "node:assert/strict";
import { install } from "@sinonjs/fake-timers";
import type { MemoryState } from "../../../server/limits/memory_guard.ts";
import { COPY, entryOf, openRingHost, OWNER, STANDBY, untilShown } from "../../support/ring_host.ts";
import { NOW } from "../../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

for (const [what, how] of [["as owner", OWNER], ["as standby", STANDBY], ["as a copy", COPY]] as const) {
  Deno.test(`StoreRingHost takes no push, ${what}, whose token is of another cluster than its id, and counts it`, async () => {
    await using site = await openRingHost();
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
  await using site = await openRingHost();
  for (const how of [OWNER, COPY]) {
    const result = await site.host.commit({ ...entryOf(1), bytes: new Uint8Array(9) }, how);
    const detail = "Cannot decode a push of the ring: its header is not JSON";
    assert.deepEqual(result, { ok: false, refused: { reason: "invalid malformed", detail } });
  }
});

Deno.test("StoreRingHost refuses what is at fault, keeping what the cluster had, and checks it in either role", async () => {
  await using site = await openRingHost();
  await site.host.commit(entryOf(1), OWNER);
  for (const role of [OWNER, STANDBY]) {
    const result = await site.host.commit(entryOf(2, { claims: "b" }), role);
    assert.equal(result.ok, false);
    assert.equal(!result.ok && result.refused?.reason, "invalid identity");
  }
  assert.deepEqual((await site.host.load("a"))?.version, entryOf(1).version);
});

Deno.test("StoreRingHost refuses clusters beyond the limit, but takes their copies", async () => {
  await using site = await openRingHost();
  for (const id of ["a", "b", "c"]) assert.deepEqual(await site.host.commit(entryOf(1, { id }), STANDBY), { ok: true });
  const result = await site.host.commit(entryOf(1, { id: "d" }), OWNER);
  assert.equal(!result.ok && result.refused?.reason, "capacity clusters");
  assert.deepEqual(await site.host.commit(entryOf(1, { id: "d" }), COPY), { ok: true });
});

Deno.test("StoreRingHost holds a cluster to its rate whichever member it pushes to, by its own clock", async () => {
  const clock = { now: 0 };
  await using site = await openRingHost({ intervalMs: 60_000, elapsed: () => clock.now });
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

Deno.test("StoreRingHost tells another member that the clients of a cluster were refused too often", async () => {
  await using site = await openRingHost({ elapsed: () => 0 });
  const bad = entryOf(1, { claims: "b" });
  const reasons: (string | undefined)[] = [];
  for (let n = 0; n < 11; n++) {
    const result = await site.host.commit(bad, OWNER);
    reasons.push(result.ok ? undefined : result.refused?.reason);
  }
  assert.deepEqual(reasons, [...Array(10).fill("invalid identity"), "refused_often 20000"]);
});

for (const how of ["restored", "copied"] as const) {
  Deno.test(`StoreRingHost shows what it was ${how} without memory for it once there is some, and tells meanwhile`, async () => {
    const memory = { state: "short" as MemoryState };
    await using site = await openRingHost({ memory });
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
  await using site = await openRingHost({ memory });
  for (const value of [1, 2]) {
    const entry = entryOf(value);
    assert.deepEqual(await site.host.commit(entry, OWNER), { ok: true });
    site.host.show("a", entry.version);
    assert.equal(site.shown(), `x{_id="a"} ${value}\n`);
    memory.state = "short";
  }
});

Deno.test("StoreRingHost tells a store that fails from a push at fault", async () => {
  await using site = await openRingHost({
    wrap: (store) => ({
      put: () => Promise.reject(new Error("no such device")),
      get: (id) => store.get(id),
      setMeta: (key, text) => store.setMeta(key, text),
    }),
  });
  await assert.rejects(site.host.commit(entryOf(1), OWNER), /no such device/);
  assert.equal(site.index.clusters, 0);
});
