/** Refusals on their way from the owner to the client's member. */

import assert from "node:assert/strict";
import { LimitError } from "../../../common/exposition/metric_family.ts";
import { HttpError } from "../../../common/http/http.ts";
import { errorOf, refusalOf, refusalOfEarly } from "../../../server/ring/refusal.ts";
import { InvalidPushError } from "../../../server/ingest/invalid_push.ts";
import { CapacityError } from "../../../server/limits/capacity.ts";
import { StoreUnavailableError } from "../../../server/store/push_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

for (
  const error of [
    new InvalidPushError("identity", "Cannot accept the push: a series lacks the label _id"),
    new LimitError("Cannot take a series of more than 64 labels"),
    new CapacityError("clusters", "Cannot take another cluster"),
    new CapacityError("total_series", "Cannot take the push"),
  ]
) {
  Deno.test(`errorOf() makes the ${error.name} of ${JSON.stringify(refusalOf(error)?.reason)} again`, () => {
    const again = errorOf(JSON.parse(JSON.stringify(refusalOf(error))));
    assert.equal(again.constructor, error.constructor);
    assert.equal(again.message, error.message);
    assert.equal((again as { reason?: string }).reason, (error as { reason?: string }).reason);
  });
}

Deno.test("errorOf() tells when to come back", () => {
  const error = errorOf(refusalOfEarly(61_234.5)) as HttpError;
  assert.deepEqual([error.status, error.reason, error.headers?.["retry-after" as never]], [429, "rate", "62"]);
});

Deno.test("errorOf() makes a 400 of what a later version may say", () => {
  for (const reason of ["", "weather", "weather bad", "a b c", "x".repeat(1_000)]) {
    const error = errorOf({ reason, detail: "It rains" }) as HttpError;
    assert.deepEqual([error.status, error.reason, error.message], [400, "refused", "It rains"]);
  }
});

Deno.test("refusalOf() takes what cannot be done now for no refusal", () => {
  assert.equal(refusalOf(new StoreUnavailableError("io", { location: "data/", retryAfterMs: 1 })), undefined);
  assert.equal(refusalOf(new TypeError("bug")), undefined);
});
