import assert from "node:assert/strict";
import { HttpError } from "../../../common/http/http.ts";
import { PATIENCE_MS, type Place, Places } from "../../../server/pushes/places.ts";

Deno.test.sanitizer({ ops: true, resources: true });

function isBusy(error: unknown): boolean {
  return error instanceof HttpError && error.status === 503 && error.reason === "busy" &&
    new Headers(error.headers).get("retry-after") === "1";
}

/** A place whose body never comes, and what becomes of it. */
function waitIn(place: Place): { lost: () => boolean; settled: Promise<void> } {
  let lost = false;
  const settled = place.whileItComes(new Promise<never>(() => {})).catch((error) => {
    assert(isBusy(error));
    lost = true;
  });
  return { lost: () => lost, settled };
}

Deno.test("Places hands out so many, and each again once it is free", () => {
  const places = new Places({ most: 2, now: () => 0 });
  const [first] = [places.take(), places.take()];
  assert.throws(() => places.take(), isBusy);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  places.take();
  assert.throws(() => places.take(), isBusy);
});

Deno.test("Places takes the place of whom it has waited for the longest, if that is long enough", async () => {
  let now = 0;
  const places = new Places({ most: 3, now: () => now });
  const atWork = places.take();
  assert.equal(await atWork.whileItComes(Promise.resolve("body")), "body");
  const slow = places.take();
  const first = waitIn(slow);
  now = 1;
  const second = waitIn(places.take());
  now = PATIENCE_MS - 1;
  assert.throws(() => places.take(), isBusy);
  now = PATIENCE_MS;
  places.take();
  await first.settled;
  assert.deepEqual([first.lost(), second.lost()], [true, false]);
  assert.throws(() => places.take(), isBusy, "the second has not waited long enough");
  // What lost its place frees none.
  slow[Symbol.dispose]();
  assert.throws(() => places.take(), isBusy);
  now = PATIENCE_MS + 1;
  places.take();
  await second.settled;
  now = 10 * PATIENCE_MS;
  assert.throws(() => places.take(), isBusy, "pushes at work do not give way");
});
