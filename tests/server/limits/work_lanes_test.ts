import assert from "node:assert/strict";
import type { Steps } from "../../../common/steps.ts";
import { CapacityError } from "../../../server/limits/capacity.ts";
import { WorkLanes } from "../../../server/limits/work_lanes.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Lanes by a clock that steps move, of a loop in which others' turns are counted, and come only when the test lets them. */
function lanesOnClock() {
  let now = 0;
  const events: string[] = [];
  const resting: (() => void)[] = [];
  const share = {
    take: <T>(work: () => T) => Promise.resolve().then(work),
    rest: () => new Promise<void>((resolve) => void resting.push(resolve)),
  };
  const lanes = new WorkLanes({ elapsed: () => now, share });
  function* steps(name: string, count: number, ms: number): Steps<string> {
    for (let i = 0; i < count; i++) {
      now += ms;
      events.push(`${name}${i}`);
      if (name === "!") throw new RangeError("no");
      yield;
    }
    return name;
  }
  const work = (name: string, { count, ms, who = name, known = false, refuse }: {
    count: number;
    ms: number;
    who?: string;
    /** Whether it is known to be long. */
    known?: boolean;
    refuse?: "if many wait";
  }) =>
    lanes.do({
      who,
      quickly: () => known ? undefined : steps(name, count, ms),
      slowly: () => steps(name.toUpperCase(), count, ms),
      refuse,
    });
  const settle = async () => {
    for (let i = 0; i < 50; i++) await Promise.resolve();
  };
  /** Lets others have their turns, so many times, and tells what was done since it was last asked. */
  const after = async (rests: number) => {
    await settle();
    for (let i = 0; i < rests; i++) {
      resting.shift()?.();
      await settle();
    }
    return events.splice(0).join(" ");
  };
  return { work, after, pass: (ms: number) => void (now += ms) };
}

Deno.test("WorkLanes.do() does usual work at once, in the order in which it comes", async () => {
  const { work, after } = lanesOnClock();
  const all = Promise.all(["a", "b", "c"].map((name) => work(name, { count: 2, ms: 1 })));
  assert.equal(await after(0), "a0 a1 b0 b1 c0 c1");
  assert.deepEqual(await all, ["a", "b", "c"]);
});

Deno.test("WorkLanes.do() gives up what takes long, does it in slices, and usual work of others in between", async () => {
  const { work, after } = lanesOnClock();
  const long = work("a", { count: 8, ms: 10 });
  assert.equal(await after(0), "a0 a1 a2 a3 a4");
  assert.equal(await after(1), "A0");
  const usual = work("b", { count: 1, ms: 1 });
  assert.equal(await after(0), "b0");
  assert.equal(await usual, "b");
  assert.equal(await after(1), "A1");
  assert.equal(await after(6), "A2 A3 A4 A5 A6 A7");
  assert.equal(await after(1), "");
  assert.equal(await long, "A");
});

Deno.test("WorkLanes.do() does not begin in the quick lane what is known to be long", async () => {
  const { work, after } = lanesOnClock();
  const long = work("a", { count: 1, ms: 1, known: true });
  assert.equal(await after(0), "");
  assert.equal(await after(1), "A0");
  assert.equal(await long, "A");
});

Deno.test("WorkLanes.do() lets nothing of somebody overtake what came before of them", async () => {
  const { work, after } = lanesOnClock();
  const all = [
    work("a", { who: "x", count: 1, ms: 1, known: true }),
    work("b", { who: "x", count: 1, ms: 1 }),
    work("c", { who: "y", count: 1, ms: 1 }),
  ];
  assert.equal(await after(0), "c0");
  assert.equal(await after(2), "A0 B0");
  assert.deepEqual(await Promise.all(all), ["A", "B", "c"]);
  assert.equal(await work("d", { who: "x", count: 1, ms: 1 }), "d");
});

Deno.test("WorkLanes.do() first does the long work of who has taken least", async () => {
  const { work, after } = lanesOnClock();
  const long = { count: 2, ms: 10, known: true };
  const all = [
    work("a", { who: "x", ...long }),
    work("b", { who: "x", ...long }),
    work("c", { who: "x", ...long }),
    work("d", { who: "y", ...long }),
    work("e", { who: "z", ...long }),
  ];
  const order: string[] = [];
  for (let i = 0; i < 20; i++) order.push(await after(1));
  assert.equal(order.join(" ").replaceAll(/\S1/g, "").trim().split(/\s+/).join(" "), "A0 D0 E0 B0 C0");
  assert.deepEqual(await Promise.all(all), ["A", "B", "C", "D", "E"]);
});

Deno.test("WorkLanes.do() no more tries in the quick lane what comes of who had two given up there, for a minute or two", async () => {
  const { work, after, pass } = lanesOnClock();
  assert.equal(await after(0), "");
  for (let i = 0; i < 2; i++) {
    const long = work("a", { who: "x", count: 6, ms: 10 });
    assert.match(await after(8), /^a0 a1 a2 a3 a4 A0/);
    assert.equal(await long, "A");
  }
  const next = work("b", { who: "x", count: 1, ms: 1 });
  assert.equal(await after(0), "");
  assert.equal(await after(1), "B0");
  assert.equal(await next, "B");
  pass(60_000);
  // Two of others, each of which comes a minute after what is remembered by then.
  for (const name of ["c", "d"]) {
    const other = work(name, { count: 1, ms: 1, known: true });
    await after(2);
    await other;
    pass(60_000);
  }
  assert.equal(await work("e", { who: "x", count: 1, ms: 1 }), "e");
});

Deno.test("WorkLanes.do() refuses what may be refused where 64 wait, and nothing else", async () => {
  const { work, after } = lanesOnClock();
  const known = { count: 1, ms: 1, known: true };
  const waiting = Array.from({ length: 64 }, (_, i) => work(`w${i}`, { ...known, refuse: "if many wait" }));
  await assert.rejects(work("x", { ...known, refuse: "if many wait" }), CapacityError);
  const own = work("y", known);
  const usual = work("z", { count: 1, ms: 1, refuse: "if many wait" });
  await after(0);
  assert.equal(await usual, "z");
  await after(70);
  assert.equal((await Promise.all(waiting)).length, 64);
  assert.equal(await own, "Y");
});

Deno.test("WorkLanes.do() rejects as its work does, in either lane, and goes on", async () => {
  const { work, after } = lanesOnClock();
  await assert.rejects(work("!", { count: 1, ms: 1 }), RangeError);
  const slow = assert.rejects(work("!", { count: 1, ms: 1, known: true }), RangeError);
  const next = work("b", { count: 1, ms: 1, known: true });
  await after(3);
  await slow;
  assert.equal(await next, "B");
});
