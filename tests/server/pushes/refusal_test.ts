/** What a client is told of a push that is refused, here or by the owner of its cluster. */

import assert from "node:assert/strict";
import { LimitError } from "../../../common/exposition/metric_family.ts";
import { clientGone, HttpError } from "../../../common/http/http.ts";
import { InvalidPushError } from "../../../common/ingest/invalid_push.ts";
import { CapacityError } from "../../../server/limits/capacity.ts";
import {
  countsAsRefused,
  fromMember,
  fromRing,
  PushRefusal,
  refusalOf,
  toMember,
} from "../../../server/pushes/refusal.ts";
import { StoreUnavailableError } from "../../../server/store/push_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** What a client and a counter see. */
function seen(refusal: HttpError | undefined) {
  assert.ok(refusal !== undefined);
  const { status, reason, message } = refusal;
  return { status, reason, message, retryAfter: new Headers(refusal.headers).get("retry-after") };
}

for (
  const [error, status, reason, retryAfter, counts, wire] of [
    [new InvalidPushError("identity", "Cannot accept the push"), 400, "identity", null, true, "invalid identity"],
    [new LimitError("Cannot take more than 64 labels", { limit: "labels" }), 413, "limit", null, true, "limit labels"],
    [new CapacityError("clusters", "Cannot take another cluster"), 503, "clusters", "60", true, "capacity clusters"],
    [new CapacityError("total_series", "Cannot take it"), 503, "total_series", "60", true, "capacity total_series"],
    [CapacityError.ofMemory("the push"), 503, "memory", "60", true, "capacity memory"],
    [new PushRefusal("rate", { retryAfterMs: 61_234.5 }), 429, "rate", "62", true, "rate 61235"],
    [
      new PushRefusal("refused_often", { retryAfterMs: 19_001 }),
      429,
      "refused_often",
      "20",
      false,
      "refused_often 19001",
    ],
    [new StoreUnavailableError("io", { location: "data/", retryAfterMs: 1_500 }), 503, "store", "2", false, undefined],
    [new HttpError(413, "Too long", { reason: "body_size" }), 413, "body_size", null, true, undefined],
    [new HttpError(503, "Busy", { reason: "busy" }), 503, "busy", null, false, undefined],
    [clientGone(), 499, "client_gone", null, false, undefined],
  ] as const
) {
  Deno.test(`refusalOf() answers ${status} ${reason} to a ${error.name}`, () => {
    const { message, ...rest } = seen(refusalOf(error)), { detail } = refusalOf(error)!;
    assert.deepEqual(rest, { status, reason, retryAfter });
    // What the fault says is for the client where it speaks of the push alone.
    assert.equal(detail ?? message, error.message);
    assert.equal(detail !== undefined, error instanceof CapacityError || error instanceof StoreUnavailableError);
    assert.equal(countsAsRefused(error), counts);
    assert.equal(toMember(error)?.reason, wire);
  });

  if (wire === undefined) continue;
  Deno.test(`fromMember() tells the client of ${JSON.stringify(wire)} what the owner would`, () => {
    const refusal = fromMember(JSON.parse(JSON.stringify(toMember(error))));
    assert.deepEqual(seen(refusal), seen(refusalOf(error)));
    assert.equal(refusal.detail, refusalOf(error)!.detail);
    assert.equal(countsAsRefused(refusal), counts);
  });
}

Deno.test("refusalOf() takes a failure of our own for no refusal", () => {
  for (const error of [new TypeError("bug"), Object.assign(new Error("gone"), { code: "ENOENT" }), "text", undefined]) {
    assert.equal(refusalOf(error), undefined);
    assert.equal(toMember(error), undefined);
    assert.equal(countsAsRefused(error), false);
  }
});

Deno.test("fromMember() makes a 400 of what a later version may say", () => {
  for (const reason of ["", "weather", "weather bad", "a b c", "constructor", "store", "x".repeat(1_000)]) {
    const refusal = fromMember({ reason, detail: "It rains" });
    assert.deepEqual([refusal.status, refusal.reason, refusal.detail], [400, "refused", "It rains"]);
    assert.equal(refusal.message, "Cannot take the push as the server that owns the cluster has refused it");
  }
});

Deno.test("fromMember() takes particulars of a later version for the next best of its own", () => {
  const seenOf = (reason: string) => {
    const { status, reason: word, retryAfterMs } = fromMember({ reason, detail: "It rains" });
    return [status, word, retryAfterMs];
  };
  assert.deepEqual(seenOf("invalid"), [400, "invalid", undefined]);
  assert.deepEqual(seenOf("invalid exemplar"), [400, "exemplar", undefined]);
  assert.deepEqual(seenOf("capacity bytes"), [503, "clusters", 60_000]);
  assert.deepEqual(seenOf("rate soon"), [429, "rate", 0]);
});

Deno.test("fromRing() answers 503 while the ring changes, and 413 to what no member takes", () => {
  const of = (reason: Parameters<typeof fromRing>[0]["reason"]) =>
    fromRing({ result: "rejected", reason, retryMs: 7_300 });
  for (const reason of ["fenced", "busy", "owner-busy", "unreachable", "views-differ", "store"] as const) {
    assert.deepEqual([of(reason).status, of(reason).retryAfterMs, countsAsRefused(of(reason))], [503, 7_300, false]);
  }
  assert.deepEqual([of("too-big").status, of("too-big").headers, countsAsRefused(of("too-big"))], [
    413,
    undefined,
    true,
  ]);
  assert.equal(fromRing({ result: "rejected", reason: "unreachable" }).retryAfterMs, 1_000);
});
