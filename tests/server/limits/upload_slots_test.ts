import assert from "node:assert/strict";
import { HttpError } from "../../../common/http/http.ts";
import { PATIENCE_MS, type UploadSlot, UploadSlots } from "../../../server/limits/upload_slots.ts";

Deno.test.sanitizer({ ops: true, resources: true });

function isBusy(error: unknown): boolean {
  return error instanceof HttpError && error.status === 503 && error.reason === "busy" &&
    new Headers(error.headers).get("retry-after") === "1";
}

/** A slot whose body never comes, and what becomes of it. */
function waitIn(slot: UploadSlot): { lost: () => boolean; settled: Promise<void> } {
  let lost = false;
  const settled = slot.whileItComes(new Promise<never>(() => {})).catch((error) => {
    assert(isBusy(error));
    lost = true;
  });
  return { lost: () => lost, settled };
}

Deno.test("UploadSlots hands out so many, and each again once it is free", () => {
  const slots = new UploadSlots({ most: 2, now: () => 0 });
  const [first] = [slots.take("c1"), slots.take("c2")];
  assert.throws(() => slots.take("c3"), isBusy);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  slots.take("c4");
  assert.throws(() => slots.take("c5"), isBusy);
});

Deno.test("UploadSlots takes the slot of whom it has waited for the longest, if that is long enough", async () => {
  let now = 0;
  const slots = new UploadSlots({ most: 3, now: () => now });
  const atWork = slots.take("c6");
  assert.equal(await atWork.whileItComes(Promise.resolve("body")), "body");
  const slow = slots.take("c7");
  const first = waitIn(slow);
  now = 1;
  const second = waitIn(slots.take("c8"));
  now = PATIENCE_MS - 1;
  assert.throws(() => slots.take("c9"), isBusy);
  now = PATIENCE_MS;
  assert.equal(await slots.take("c10").whileItComes(Promise.resolve("body")), "body");
  await first.settled;
  assert.deepEqual([first.lost(), second.lost()], [true, false]);
  assert.throws(() => slots.take("c11"), isBusy, "the second has not waited long enough");
  // What lost its slot frees none.
  slow[Symbol.dispose]();
  assert.throws(() => slots.take("c12"), isBusy);
  now = PATIENCE_MS + 1;
  assert.equal(await slots.take("c13").whileItComes(Promise.resolve("body")), "body");
  await second.settled;
  now = 10 * PATIENCE_MS;
  assert.throws(() => slots.take("c14"), isBusy, "pushes at work do not give way");
});

Deno.test("UploadSlots has the cluster that holds the most give way at once, and no other", async () => {
  let now = 0;
  const slots = new UploadSlots({ most: 6, now: () => now });
  const good = waitIn(slots.take("good"));
  const greedy = Array.from({ length: 4 }, () => {
    now++;
    return waitIn(slots.take("greedy"));
  });
  const atWork = slots.take("other");
  const more = waitIn(slots.take("new"));
  await greedy[0].settled;
  slots.take("another");
  await greedy[1].settled;
  for (let i = 0; i < 10; i++) greedy.push(waitIn(slots.take("greedy")));
  await Promise.all(greedy.slice(0, -2).map(({ settled }) => settled));
  assert.deepEqual(greedy.map(({ lost }) => lost()), [...Array(12).fill(true), false, false]);
  assert.deepEqual([good.lost(), more.lost()], [false, false]);
  slots.take("third");
  await greedy[12].settled;
  assert.throws(() => slots.take("fourth"), isBusy, "each that waits has one, and none has waited for long");
  assert.equal(greedy[13].lost(), false);
  atWork[Symbol.dispose]();
  slots.take("fourth");
});

Deno.test("UploadSlots has slots give way before their bodies are asked for", async () => {
  const slots = new UploadSlots({ most: 3, now: () => 0 });
  // As many come in one turn of the loop as there are slots.
  const greedy = [slots.take("greedy"), slots.take("greedy"), slots.take("greedy")];
  const good = slots.take("good");
  assert.equal(await good.whileItComes(Promise.resolve("body")), "body");
  const [first, second] = greedy.map(waitIn);
  await first.settled;
  assert.deepEqual([first.lost(), second.lost()], [true, false]);
  for (const slot of [...greedy, good]) slot[Symbol.dispose]();
  for (let i = 0; i < 3; i++) slots.take(`c${i}`);
  assert.throws(() => slots.take("c3"), isBusy, "each is free once");
});

Deno.test("UploadSlots has a push that lost its slot told so, though its body is there by then", async () => {
  const slots = new UploadSlots({ most: 2, now: () => 0 });
  const [first] = [slots.take("greedy"), slots.take("greedy")];
  slots.take("good");
  await assert.rejects(first.whileItComes(Promise.resolve("body")), isBusy);
});
