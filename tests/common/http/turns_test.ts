import assert from "node:assert/strict";
import { Turns } from "../../../common/http/turns.ts";

Deno.test.sanitizer({ ops: true, resources: true });

function setUp(most: number) {
  const resumes: (() => void)[] = [], begun: string[] = [];
  const turns = new Turns({ most, next: (resume) => resumes.push(resume) });
  return {
    turns,
    begun,
    take: (sender: string, name: string) => turns.take(sender, () => void begun.push(name)),
    /** Lets the next turn come, and returns what was begun in it. */
    next: () => {
      const before = begun.length;
      resumes.shift()?.();
      return begun.slice(before);
    },
    resumes,
  };
}

Deno.test("Turns begins at once what a turn has room for, and no more", () => {
  const { take, begun, next } = setUp(2);
  for (const name of ["a", "b", "c", "d", "e"]) take("one", name);
  assert.deepEqual(begun, ["a", "b"]);
  assert.deepEqual(next(), ["c", "d"]);
  take("one", "f");
  assert.deepEqual(begun, ["a", "b", "c", "d"], "who comes later does not overtake");
  assert.deepEqual(next(), ["e", "f"]);
  assert.deepEqual(next(), []);
});

Deno.test("Turns gives senders their turns, however much one of them brings", () => {
  const { take, next, turns } = setUp(2);
  for (let i = 0; i < 100; i++) take("crowd", `crowd ${i}`);
  take("good", "good");
  take("other", "other");
  assert.equal(turns.senders, 3);
  assert.deepEqual(next(), ["crowd 2", "good"]);
  assert.deepEqual(next(), ["other", "crowd 3"]);
  assert.equal(turns.senders, 1);
});

Deno.test("Turns does not begin what has left, and remembers nobody of whom nothing waits", () => {
  const { take, next, turns, begun } = setUp(1);
  take("one", "a");
  const gone = () => assert.fail("it has left");
  turns.take("one", gone);
  turns.take("two", gone);
  take("two", "b");
  turns.leave("one", gone);
  turns.leave("two", gone);
  turns.leave("nobody", gone);
  assert.equal(turns.senders, 1);
  assert.deepEqual(next(), ["b"]);
  assert.equal(turns.senders, 0);
  assert.deepEqual(begun, ["a", "b"]);
});

Deno.test("Turns asks for no turn while there is nothing to begin", () => {
  const { take, next, resumes } = setUp(1);
  take("one", "a");
  assert.equal(resumes.length, 1);
  next();
  assert.equal(resumes.length, 0);
  take("one", "b");
  take("one", "c");
  assert.deepEqual(next(), ["c"]);
  next();
  assert.equal(resumes.length, 0);
});
