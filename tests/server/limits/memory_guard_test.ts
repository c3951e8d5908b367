import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { MemoryGuard, type MemoryUse } from "../../../server/limits/memory_guard.ts";
import { recordingLog } from "../../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const LIMITS = { resident: { short: 1_000, full: 1_200 }, heap: { short: 300, full: 350 } };

/** A guard over memory that a test sets. */
function open() {
  const { log, records } = recordingLog();
  const registry = new Registry();
  const system = {
    use: { rss: 100, heapTotal: 0, heapUsed: 0, external: 0 } as MemoryUse,
    ms: 0,
    measured: 0,
    /** What collecting garbage comes to. */
    collect: () => {},
  };
  const guard = new MemoryGuard({
    limits: LIMITS,
    use: () => {
      system.measured++;
      return system.use;
    },
    collect: () => system.collect(),
    now: () => system.ms,
    log,
    registry,
  });
  return {
    guard,
    system,
    records,
    registry,
    /** What there is room for at this use. */
    at(use: Partial<MemoryUse>) {
      system.ms += 10;
      system.use = { ...system.use, ...use };
      return guard.state;
    },
  };
}

Deno.test("MemoryGuard is short and full from the thresholds on, and again has room at 95 % of them", () => {
  const { at } = open();
  const states = [999, 1_000, 960, 1_199, 1_200, 1_150, 1_139, 951, 949, 999].map((rss) => `${rss} ${at({ rss })}`);
  assert.deepEqual(states, [
    ...["999 room", "1000 short", "960 short", "1199 short", "1200 full", "1150 full", "1139 short", "951 short"],
    ...["949 room", "999 room"],
  ]);
});

Deno.test("MemoryGuard keeps the heap below what V8 takes, however little the process has", () => {
  const { at } = open();
  const states = [299, 300, 350, 333, 332, 284].map((heapUsed) => at({ heapUsed }));
  assert.deepEqual(states, ["room", "short", "full", "full", "short", "room"]);
});

Deno.test("MemoryGuard counts what is on its way", () => {
  const { guard, at } = open();
  assert.equal(at({ rss: 900 }), "room");
  const [first, second] = [guard.expect(99), guard.expect(1)];
  assert.equal(at({}), "short");
  second[Symbol.dispose]();
  second[Symbol.dispose]();
  assert.equal(at({ rss: 901 }), "short");
  first[Symbol.dispose]();
  assert.equal(at({}), "room");
});

Deno.test("MemoryGuard has room again in what the allocator keeps of clusters that went", () => {
  const { at } = open();
  assert.equal(at({ rss: 300, heapTotal: 50, external: 150 }), "room");
  assert.equal(at({ rss: 1_000, heapTotal: 50, external: 850 }), "short");
  // The process keeps what it had, though JavaScript holds next to nothing.
  assert.equal(at({ rss: 980, heapTotal: 50, external: 150 }), "room");
  // What comes next takes of that: nothing is free once as much is held as before.
  assert.equal(at({ rss: 980, heapTotal: 50, external: 800 }), "room");
  assert.equal(at({ rss: 1_000, heapTotal: 50, external: 850 }), "short");
});

Deno.test("MemoryGuard takes nothing for free that went back to the system, or that others in the process took", () => {
  const returned = open();
  returned.at({ rss: 1_150, external: 1_000 });
  // 400 less are held, of which 100 went back: 300 may be used again.
  assert.equal(returned.at({ rss: 1_050, external: 600 }), "room");
  returned.at({ rss: 1_050, external: 900 });
  assert.equal(returned.at({ rss: 1_050, external: 900 }), "short");

  const taken = open();
  taken.at({ rss: 900, external: 800 });
  // 500 less are held, and all the same the process has grown by 300.
  assert.equal(taken.at({ rss: 1_200, external: 300 }), "short");
});

Deno.test("MemoryGuard collects garbage before it takes memory for short or full", () => {
  const { at, system } = open();
  const collected: number[] = [];
  system.collect = () => {
    collected.push(system.use.external);
    system.use = { ...system.use, external: 500 };
  };
  assert.equal(at({ rss: 900, external: 800 }), "room");
  assert.deepEqual(collected, []);
  // 400 of it are garbage, whose place is used again.
  assert.equal(at({ rss: 1_100, external: 900 }), "room");
  assert.deepEqual(collected, [900]);
});

for (
  const [state, rss, expected] of [
    ["short, in a hundredth of its time at most", 1_100, [0, 1_000, 2_000, 7_050]],
    ["full, in a tenth of its time at most", 1_200, [0, 100, 200, 300, 400, 500]],
  ] as const
) {
  Deno.test(`MemoryGuard collects garbage now and then while memory is ${state}`, () => {
    const { at, system } = open();
    const collected: number[] = [];
    system.collect = () => {
      collected.push(system.ms - 10);
      system.ms += system.ms > 2_000 ? 50 : 1;
    };
    while (collected.length < expected.length) at({ rss });
    assert.deepEqual(collected.map((ms) => Math.floor(ms / 10) * 10), expected);
  });
}

Deno.test("MemoryGuard measures no more often than it must", () => {
  const { guard, system } = open();
  for (let i = 0; i < 100; i++) void guard.state;
  assert.equal(system.measured, 1);
  system.ms += 10;
  void guard.state;
  assert.equal(system.measured, 2);
});

Deno.test("MemoryGuard tells of a shortage at once, and once a minute how often it came back", () => {
  const { at, guard, system, records } = open();
  for (let i = 0; i < 50; i++) {
    at({ rss: 1_000 });
    at({ rss: 900 });
  }
  const told = () => records.filter(({ level }) => level === "error").map(({ fields }) => fields.repeated ?? "first");
  assert.deepEqual(told(), ["first"]);
  assert.match(records[0].sentence, /memory is short/);
  assert.deepEqual([records[0].fields.residentBytes, records[0].fields.limitBytes], [1_000, 1_000]);
  system.ms += 60_000;
  guard.flush();
  assert.deepEqual(told(), ["first", 49]);
  assert.ok(records.length < 10, `${records.length} lines`);
});

Deno.test("MemoryGuard shows its limits and what there is room for on /metrics", async () => {
  const { at, registry } = open();
  for (const [rss, shortage] of [[100, 0], [1_100, 1], [1_200, 2]]) {
    at({ rss });
    const lines = (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    assert.deepEqual(lines, [
      'telemeter_memory_limit_bytes{kind="resident"} 1000',
      'telemeter_memory_limit_bytes{kind="heap"} 300',
      `telemeter_memory_shortage ${shortage}`,
    ]);
  }
});

Deno.test("MemoryGuard without limits always has room, and measures nothing", async () => {
  const registry = new Registry();
  const use = () => assert.fail("measured");
  const guard = new MemoryGuard({ limits: undefined, use, log: recordingLog().log, registry });
  assert.equal(guard.state, "room");
  guard.flush();
  assert.equal((await registry.metrics()).trim(), "");
});
