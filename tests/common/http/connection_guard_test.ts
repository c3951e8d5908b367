import assert from "node:assert/strict";
import fc from "fast-check";
import type { ByteStream } from "../../../common/http/connection.ts";
import { ConnectionGuard } from "../../../common/http/connection_guard.ts";
import { addressBlock } from "../../../common/http/addresses.ts";
import { HOSTILE_LIMITS, type HostileLimits } from "../../../common/http/hostile_limits.ts";

function fakeStream(): ByteStream & { destroyed: boolean } {
  return {
    bytesRead: 0,
    bytesWritten: 0,
    writableLength: 0,
    destroyed: false,
    end: () => {},
    pause: () => {},
    destroy() {
      this.destroyed = true;
    },
    resetAndDestroy: () => {},
  };
}

function setUp(limits: HostileLimits = {}) {
  const clock = { now: 0 }, refused: string[] = [], cut: string[] = [];
  const guard = new ConnectionGuard({
    limits,
    secure: false,
    onRefused: (reason) => refused.push(reason),
    onCut: (reason) => cut.push(reason),
    now: () => clock.now,
  });
  return { guard, clock, refused, cut };
}

Deno.test("ConnectionGuard admits up to its limits, and again as many as it forgets", () => {
  const { guard, refused } = setUp({ maxConnections: 3, maxConnectionsPerAddress: 2 });
  const admit = (address: string) => guard.admit(fakeStream(), address);
  const first = admit("192.0.2.1"), second = admit("192.0.2.1");
  assert(first && second);
  assert.equal(admit("192.0.2.1"), undefined);
  assert(admit("192.0.2.2"));
  assert.equal(admit("192.0.2.3"), undefined);
  assert.deepEqual([refused, guard.size], [["address", "total"], 3]);
  guard.forget(first);
  guard.forget(first);
  assert.equal(guard.size, 2);
  assert(admit("192.0.2.1"));
  assert.equal(admit("192.0.2.1"), undefined);
});

Deno.test("ConnectionGuard counts right whatever comes and goes", () => {
  const addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"];
  fc.assert(fc.property(fc.array(fc.nat(7)), (steps) => {
    const { guard } = setUp({ maxConnections: 5, maxConnectionsPerAddress: 2 });
    const open: { connection: NonNullable<ReturnType<typeof guard.admit>>; block: string }[] = [];
    for (const step of steps) {
      const address = addresses[step % 4], block = addressBlock(address);
      if (step < 4) {
        const connection = guard.admit(fakeStream(), address);
        const full = open.length >= 5 || open.filter((one) => one.block === block).length >= 2;
        assert.equal(connection === undefined, full);
        if (connection) open.push({ connection, block });
      } else if (open.length > 0) guard.forget(open.splice(step % open.length, 1)[0].connection);
      assert.equal(guard.size, open.length);
    }
  }));
});

Deno.test("ConnectionGuard cuts what is overdue, but not right after the process was held up", () => {
  const { guard, clock, cut } = setUp({ headersTimeoutMs: 10_000 });
  const stream = fakeStream();
  guard.admit(stream, "192.0.2.1");
  for (; clock.now < 9_000; clock.now += guard.sweepIntervalMs) guard.sweep();
  clock.now += 20_000;
  guard.sweep();
  assert.deepEqual(cut, []);
  clock.now += guard.sweepIntervalMs;
  guard.sweep();
  assert.deepEqual([cut, stream.destroyed], [["headers"], true]);
});

Deno.test("ConnectionGuard counts connections of a shared address in all alone, until it learns whose they are", () => {
  const { guard, refused } = setUp({ maxConnections: 6, maxConnectionsPerAddress: 1 });
  const shared = Array.from({ length: 4 }, () => guard.admit(fakeStream(), "192.0.2.1", { isShared: true })!);
  assert.deepEqual([guard.size, refused], [4, []]);
  assert.equal(guard.attribute(shared[0], "198.51.100.1"), true);
  assert.equal(guard.attribute(shared[1], "198.51.100.1"), false);
  assert.equal(guard.attribute(shared[1], "198.51.100.2"), true);
  assert.equal(guard.admit(fakeStream(), "198.51.100.1"), undefined);
  assert.deepEqual(refused, ["address", "address"]);
  for (const connection of shared) guard.forget(connection);
  assert.equal(guard.size, 0);
  assert.equal(guard.attribute(shared[0], "198.51.100.1"), false, "it is gone");
  assert(guard.admit(fakeStream(), "198.51.100.1"));
  for (let n = 0; n < 5; n++) assert(guard.admit(fakeStream(), "192.0.2.1", { isShared: true }));
  assert.equal(guard.admit(fakeStream(), "192.0.2.1", { isShared: true }), undefined);
  assert.deepEqual(refused, ["address", "address", "total"]);
});

Deno.test("ConnectionGuard drains until the last connection is gone", async () => {
  const { guard, cut } = setUp();
  await setUp().guard.drain();
  const idle = fakeStream(), busy = fakeStream();
  const connections = [guard.admit(idle, "192.0.2.1")!, guard.admit(busy, "192.0.2.1")!];
  connections[1].begin({ complete: true, start: () => {}, fail: () => {}, abandon: () => {} });
  const drained = guard.drain();
  assert.deepEqual([idle.destroyed, busy.destroyed, guard.draining], [true, false, true]);
  guard.forget(connections[0]);
  guard.cutAll();
  assert.deepEqual([busy.destroyed, cut], [true, ["drain"]]);
  guard.forget(connections[1]);
  await drained;
});

Deno.test("ConnectionGuard takes a limit that is undefined for one that is absent", () => {
  const { guard } = setUp({ maxConnections: undefined, maxUrlBytes: 7 });
  assert.deepEqual(guard.limits, { ...HOSTILE_LIMITS, maxUrlBytes: 7 });
});
