import assert from "node:assert/strict";
import { Turns } from "../../../server/pushes/turns.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Turns on a clock that work moves, of a loop that goes on when the test says so. */
function turnsOnClock() {
  let now = 0;
  let waiting: (() => void)[] = [];
  const nextTurn = () => new Promise<void>((resolve) => void waiting.push(resolve));
  const turns = new Turns({ elapsed: () => now, nextTurn });
  const done: string[] = [];
  const take = (name: string, ms: number) =>
    turns.take(() => {
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
  const pass = (ms: number) => void (now += ms);
  return { take, after, pass };
}

Deno.test("Turns.take() does short work at once, all in one turn", async () => {
  const { take, after } = turnsOnClock();
  const all = Promise.all(Array.from("abcde", (name) => take(name, 1)));
  assert.equal(await after(0), "abcde");
  assert.deepEqual(await all, ["a", "b", "c", "d", "e"]);
});

Deno.test("Turns.take() lets others have four turns after long work, and keeps the order", async () => {
  const { take, after } = turnsOnClock();
  const all = Promise.all([take("a", 6), take("b", 6), take("c", 20), take("d", 1), take("e", 1)]);
  assert.equal(await after(3), "ab");
  assert.equal(await after(1), "abc");
  assert.equal(await after(3), "abc");
  assert.equal(await after(1), "abcde");
  await all;
});

Deno.test("Turns.take() forgets work before a pause", async () => {
  const { take, after, pass } = turnsOnClock();
  for (const name of "abcdef") {
    await take(name, 9);
    pass(2);
  }
  const last = [take("g", 9), take("h", 9), take("i", 9)];
  assert.equal(await after(0), "abcdefgh");
  assert.equal(await after(4), "abcdefghi");
  await Promise.all(last);
});

Deno.test("Turns.take() counts work that fails, and tells its error", async () => {
  const { take, after } = turnsOnClock();
  const failed = assert.rejects(take("!", 50), RangeError);
  const next = take("b", 1);
  assert.equal(await after(3), "!");
  assert.equal(await after(1), "!b");
  await Promise.all([failed, next]);
});

Deno.test("Turns lets a timer that is due run before the next long piece", async () => {
  const turns = new Turns();
  const done: string[] = [];
  const busy = (name: string, ms: number) => () => {
    for (const end = performance.now() + ms; performance.now() < end;);
    done.push(name);
  };
  const timer = new Promise<void>((resolve) => setTimeout(() => resolve(busy("timer", 0)()), 0));
  await Promise.all([turns.take(busy("a", 12)), turns.take(busy("b", 0)), timer]);
  assert.deepEqual(done, ["a", "timer", "b"]);
});
