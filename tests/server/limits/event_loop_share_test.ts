import assert from "node:assert/strict";
import { EventLoopShare } from "../../../server/limits/event_loop_share.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Turns on a clock that work moves, of a loop that goes on when the test says so. */
function turnsOnClock() {
  let now = 0;
  let waiting: (() => void)[] = [];
  const nextTurn = () => new Promise<void>((resolve) => void waiting.push(resolve));
  let ending: (() => void)[] = [];
  const atTurnEnd = (then: () => void) => void ending.push(then);
  const share = new EventLoopShare({ elapsed: () => now, nextTurn, atTurnEnd });
  const done: string[] = [];
  const take = (name: string, ms: number) =>
    share.take(() => {
      now += ms;
      done.push(name);
      if (name === "!") throw new RangeError("no");
      return name;
    });
  /** Lets the loop take some turns, and all go on that waits for none, and tells what was done so far. */
  const after = async (count: number) => {
    for (;; count--) {
      for (let i = 0; i < 20; i++) await Promise.resolve();
      if (count === 0) return done.join("");
      const ready = waiting;
      waiting = [];
      for (const resolve of ready) resolve();
    }
  };
  /** Ends the turn, and tells how many wanted to know. */
  const end = () => {
    const told = ending;
    ending = [];
    for (const then of told) then();
    return told.length;
  };
  return { take, after, end };
}

Deno.test("EventLoopShare.take() does short work at once, all in one turn", async () => {
  const { take, after } = turnsOnClock();
  const all = Promise.all(Array.from("abcde", (name) => take(name, 1)));
  assert.equal(await after(0), "abcde");
  assert.deepEqual(await all, ["a", "b", "c", "d", "e"]);
});

Deno.test("EventLoopShare.take() lets others have four turns after long work, and keeps the order", async () => {
  const { take, after } = turnsOnClock();
  const all = Promise.all([take("a", 30), take("b", 30), take("c", 100), take("d", 1), take("e", 1)]);
  assert.equal(await after(3), "ab");
  assert.equal(await after(1), "abc");
  assert.equal(await after(3), "abc");
  assert.equal(await after(1), "abcde");
  await all;
});

Deno.test("EventLoopShare.take() forgets the work of a turn that has ended", async () => {
  const { take, after, end } = turnsOnClock();
  for (const name of "abcdef") {
    await Promise.all([take(name, 30), take(name, 10)]);
    assert.equal(end(), 1);
  }
  const last = [take("g", 30), take("h", 30), take("i", 30)];
  assert.equal(await after(0), "aabbccddeeffgh");
  assert.equal(await after(4), "aabbccddeeffghi");
  await Promise.all(last);
});

Deno.test("EventLoopShare.take() counts work that fails, and tells its error", async () => {
  const { take, after } = turnsOnClock();
  const failed = assert.rejects(take("!", 50), RangeError);
  const next = take("b", 1);
  assert.equal(await after(3), "!");
  assert.equal(await after(1), "!b");
  await Promise.all([failed, next]);
});

Deno.test("EventLoopShare lets a timer that is due run before the next long piece", async () => {
  const share = new EventLoopShare();
  const done: string[] = [];
  const busy = (name: string, ms: number) => () => {
    for (const end = performance.now() + ms; performance.now() < end;);
    done.push(name);
  };
  const timer = new Promise<void>((resolve) => setTimeout(() => resolve(busy("timer", 0)()), 0));
  await Promise.all([share.take(busy("a", 60)), share.take(busy("b", 0)), timer]);
  assert.deepEqual(done, ["a", "timer", "b"]);
});
