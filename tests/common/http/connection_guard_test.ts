import assert from "node:assert/strict";
import fc from "fast-check";
import type { ByteStream, Exchange } from "../../../common/http/connection.ts";
import { ConnectionGuard } from "../../../common/http/connection_guard.ts";
import { addressBlock, addressNetwork } from "../../../common/http/addresses.ts";
import { HOSTILE_LIMITS, type HostileLimits } from "../../../common/http/hostile_limits.ts";

function fakeStream(): ByteStream & { destroyed: boolean; writableLength: number } {
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

function setUp(limits: HostileLimits = {}, { hasMemory }: { hasMemory?: () => boolean } = {}) {
  const clock = { now: 0 }, refused: string[] = [], cut: string[] = [];
  const guard = new ConnectionGuard({
    limits,
    secure: false,
    hasMemory,
    onRefused: (reason) => refused.push(reason),
    onCut: (reason) => cut.push(reason),
    now: () => clock.now,
  });
  return { guard, clock, refused, cut };
}

/** A request that is with its handler. */
const whole: Exchange = { complete: true, start: () => {}, fail: () => {}, abandon: () => {} };
/** A request of which the rest is awaited. */
const half: Exchange = { ...whole, complete: false };

Deno.test("ConnectionGuard admits up to its limits while nobody idles, and again as many as it forgets", () => {
  const { guard, refused, cut } = setUp({ maxConnections: 3, maxConnectionsPerAddress: 2 });
  const admit = (address: string) => {
    const connection = guard.admit(fakeStream(), address);
    connection?.begin(whole);
    return connection;
  };
  const first = admit("192.0.2.1"), second = admit("192.0.2.1");
  assert(first && second);
  assert.equal(admit("192.0.2.1"), undefined);
  assert(admit("192.0.2.2"));
  assert.equal(admit("192.0.2.3"), undefined);
  assert.deepEqual([refused, guard.size, cut], [["address", "total"], 3, []]);
  guard.forget(first);
  guard.forget(first);
  assert.equal(guard.size, 2);
  assert(admit("192.0.2.1"));
  assert.equal(admit("192.0.2.1"), undefined);
});

Deno.test("ConnectionGuard has one give way whose response is held back, though its request is whole", () => {
  const { guard, clock, refused, cut } = setUp({ maxConnectionsPerAddress: 1, yieldAfterMs: 1_000 });
  const held = guard.admit(fakeStream(), "192.0.2.1")!;
  held.begin(whole);
  clock.now = 500;
  held.hold();
  clock.now = 1_499;
  assert.equal(guard.admit(fakeStream(), "192.0.2.1"), undefined);
  clock.now = 1_500;
  const next = guard.admit(fakeStream(), "192.0.2.1")!;
  assert.deepEqual([refused, cut], [["address"], ["room_address"]]);
  next.begin(whole);
  next.hold();
  next.end();
  next.begin(whole);
  clock.now = 10_000;
  assert.equal(guard.admit(fakeStream(), "192.0.2.1"), undefined, "the next request is at work");
});

Deno.test("ConnectionGuard counts right whatever comes and goes", () => {
  const addresses = ["192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"];
  fc.assert(fc.property(fc.array(fc.nat(11)), (steps) => {
    const { guard } = setUp({ maxConnections: 6, maxConnectionsPerAddress: 2, maxConnectionsPerNetwork: 3 });
    const open: { connection: NonNullable<ReturnType<typeof guard.admit>>; address: string }[] = [];
    const among = (of: (address: string) => string, address: string) =>
      open.filter((one) => of(one.address) === of(address)).length;
    for (const step of steps) {
      if (step < 6) {
        const address = addresses[step], connection = guard.admit(fakeStream(), address);
        const full = open.length >= 6 || among(addressBlock, address) >= 2 || among(addressNetwork, address) >= 3;
        assert.equal(connection === undefined, full);
        connection?.begin(whole);
        if (connection) open.push({ connection, address });
      } else if (open.length > 0) guard.forget(open.splice(step % open.length, 1)[0].connection);
      assert.equal(guard.size, open.length);
    }
  }));
});

Deno.test("ConnectionGuard has the longest idle give way to newcomers, then the longest awaited, and nobody whose request is at work", () => {
  const { guard, clock, refused, cut } = setUp({ maxConnections: 5, yieldAfterMs: 1_000 });
  const streams = Array.from({ length: 5 }, fakeStream);
  const gone = () => streams.flatMap(({ destroyed }, n) => destroyed ? [n] : []);
  const [silent, kept, atWork, awaited, last] = streams.map((stream, n) => {
    clock.now += 100;
    return guard.admit(stream, `192.0.2.${n}`)!;
  });
  kept.begin(whole);
  kept.end();
  atWork.begin(whole);
  awaited.begin(half);
  awaited.expectBody(1_000);
  last.begin(whole);
  const arrive = () => {
    const stream = fakeStream(), connection = guard.admit(stream, "198.51.100.1");
    streams.push(stream);
    connection?.begin(whole);
    return connection !== undefined;
  };
  clock.now += 1_000;
  assert(arrive());
  assert.deepEqual([gone(), guard.size], [[0], 5]);
  assert(arrive());
  assert.deepEqual(gone(), [0, 1]);
  assert(arrive());
  assert.deepEqual([gone(), cut], [[0, 1, 3], ["room_total", "room_total", "room_total"]]);
  assert.deepEqual([arrive(), refused], [false, ["total"]]);
  last.end();
  assert(arrive(), "who has just got its response has nothing to lose");
  assert.deepEqual(gone(), [0, 1, 3, 4]);
  guard.forget(silent);
  assert.equal(guard.size, 5);
});

Deno.test("ConnectionGuard lets a newcomer keep its place for a while, if only others have idled or been awaited for longer", () => {
  const { guard, clock } = setUp({ maxConnections: 3, yieldAfterMs: 1_000 });
  const streams = Array.from({ length: 4 }, fakeStream);
  const admit = (n: number) => guard.admit(streams[n], `192.0.2.${n}`)!;
  const slow = admit(0), stalled = admit(1);
  slow.begin(half);
  slow.expectBody(1_000);
  stalled.begin(whole);
  streams[1].writableLength = 1;
  guard.sweep();
  clock.now += 1_000;
  const good = admit(2);
  admit(3);
  assert.deepEqual(streams.map(({ destroyed }) => destroyed), [true, false, false, false]);
  streams.push(fakeStream(), fakeStream());
  admit(4);
  assert.deepEqual(streams.map(({ destroyed }) => destroyed), [true, true, false, false, false, false]);
  admit(5);
  assert.deepEqual(streams.map(({ destroyed }) => destroyed), [true, true, true, false, false, false]);
  assert.equal(good.idleSince, 1_000);
});

Deno.test("ConnectionGuard has a crowd that comes fast drive out its own, and nobody of a smaller network", () => {
  const { guard, clock, cut } = setUp({ maxConnections: 100, yieldAfterMs: 1_000 });
  const good = [fakeStream(), fakeStream(), fakeStream()];
  guard.admit(good[0], "192.0.2.1");
  guard.admit(good[1], "2001:db8::1");
  const pushing = guard.admit(good[2], "198.51.100.1")!;
  pushing.begin(half);
  pushing.expectBody(1_000);
  for (let n = 0; n < 1_000; n++) {
    clock.now += 0.5;
    const connection = guard.admit(fakeStream(), `203.0.${n % 8}.${n % 256}`)!;
    if (n % 2 === 0) {
      connection.begin(half);
      connection.expectBody(1_000);
    }
  }
  assert.deepEqual(good.map(({ destroyed }) => destroyed), [false, false, false]);
  assert.deepEqual([guard.size, cut.length], [100, 903]);
});

Deno.test("ConnectionGuard has a full address or network make room within itself, and only once somebody has idled there", () => {
  const rows = [
    { kind: "address", from: ["192.0.2.1", "192.0.2.1", "192.0.2.1"] },
    { kind: "address", from: ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:3::"] },
    { kind: "network", from: ["192.0.2.1", "192.0.2.2", "192.0.2.255"] },
    { kind: "network", from: ["2001:db8:1:2::1", "2001:db8:1:3::2", "2001:db8:1:ffff::"] },
  ];
  for (const { kind, from } of rows) {
    const share = kind === "address" ? "maxConnectionsPerAddress" : "maxConnectionsPerNetwork";
    const { guard, clock, refused, cut } = setUp({ [share]: 2, yieldAfterMs: 1_000 });
    const other = fakeStream(), [first, second] = [fakeStream(), fakeStream()];
    guard.admit(other, kind === "address" ? "192.0.3.1" : "2001:db8:2::");
    guard.admit(first, from[0]);
    guard.admit(second, from[1]);
    clock.now += 999;
    assert.equal(guard.admit(fakeStream(), from[2]), undefined);
    clock.now += 1;
    assert(guard.admit(fakeStream(), from[2]));
    assert.deepEqual([refused, cut, guard.size], [[kind], [`room_${kind}`], 3]);
    assert.deepEqual([other, first, second].map(({ destroyed }) => destroyed), [false, true, false]);
  }
});

Deno.test("ConnectionGuard without memory has newcomers take the places of others, beyond those few that there always are", () => {
  const memory = { enough: true };
  const { guard, clock, refused, cut } = setUp({ maxConnections: 1_000 }, { hasMemory: () => memory.enough });
  const admit = (n: number) => guard.admit(fakeStream(), `192.0.${n % 250}.${n}`);
  const first = Array.from({ length: 150 }, (_, n) => admit(n)!);
  clock.now += 10_000;
  memory.enough = false;
  for (let n = 150; n < 180; n++) assert(admit(n));
  assert.deepEqual([guard.size, cut.length, new Set(cut), refused], [150, 30, new Set(["room_total"]), []]);
  for (const connection of first) guard.forget(connection);
  assert.equal(guard.size, 30);
  for (let n = 180; n < 280; n++) assert(admit(n));
  assert.equal(guard.size, 100);
  memory.enough = true;
  for (let n = 280; n < 300; n++) assert(admit(n));
  assert.equal(guard.size, 120);
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
  guard.admit(fakeStream(), "198.51.100.1")!.begin(whole);
  for (let n = 0; n < 5; n++) guard.admit(fakeStream(), "192.0.2.1", { isShared: true })!.begin(whole);
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
