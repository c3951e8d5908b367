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
  const [first] = [slots.take(), slots.take()];
  assert.throws(() => slots.take(), isBusy);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  slots.take();
  assert.throws(() => slots.take(), isBusy);
});

Deno.test("UploadSlots takes the slot of whom it has waited for the longest, if that is long enough", async () => {
  let now = 0;
  const slots = new UploadSlots({ most: 3, now: () => now });
  const atWork = slots.take();
  assert.equal(await atWork.whileItComes(Promise.resolve("body")), "body");
  const slow = slots.take();
  const first = waitIn(slow);
  now = 1;
  const second = waitIn(slots.take());
  now = PATIENCE_MS - 1;
  assert.throws(() => slots.take(), isBusy);
  now = PATIENCE_MS;
  slots.take();
  await first.settled;
  assert.deepEqual([first.lost(), second.lost()], [true, false]);
  assert.throws(() => slots.take(), isBusy, "the second has not waited long enough");
  // What lost its slot frees none.
  slow[Symbol.dispose]();
  assert.throws(() => slots.take(), isBusy);
  now = PATIENCE_MS + 1;
  slots.take();
  await second.settled;
  now = 10 * PATIENCE_MS;
  assert.throws(() => slots.take(), isBusy, "pushes at work do not give way");
});
