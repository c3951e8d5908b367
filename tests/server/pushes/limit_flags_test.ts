import assert from "node:assert/strict";
import { LimitError, type PassedLimit, SeriesLimitError } from "../../../common/exposition/metric_family.ts";
import { tooLarge } from "../../../common/http/http.ts";
import { InvalidPushError } from "../../../common/ingest/invalid_push.ts";
import { flagOf } from "../../../common/options.ts";
import { CapacityError } from "../../../server/limits/capacity.ts";
import { SERVER_OPTIONS } from "../../../server/options.ts";
import { remedyOf } from "../../../server/pushes/limit_flags.ts";
import { fromMember, PushRefusal, refusalOf, toMember } from "../../../server/pushes/refusal.ts";

const over = (passed: PassedLimit) =>
  new LimitError("Cannot take it, in words that nobody reads for their meaning", passed);

/** What is told of an error, here and by the owner in a ring. */
function remedies(error: Error, { isText = false } = {}) {
  const member = toMember(error);
  return [refusalOf(error)!, ...member === undefined ? [] : [fromMember(JSON.parse(JSON.stringify(member)))]]
    .map((refusal) => remedyOf(refusal, { isText }));
}

for (
  const [error, remedy] of [
    [tooLarge(9), { raise: "--limit-bytes" }],
    [tooLarge(9, 20), { raise: "--limit-bytes", over: { limit: "bytes", sent: 20 } }],
    [over({ limit: "bytes" }), { raise: "--limit-bytes" }],
    [over({ limit: "decompressedBytes" }), { raise: "--limit-decompressed-bytes" }],
    [over({ limit: "families" }), { raise: "--limit-families" }],
    [over({ limit: "families", sent: 11 }), { raise: "--limit-families", over: { limit: "families", sent: 11 } }],
    [over({ limit: "labels" }), { raise: "--limit-labels" }],
    [new SeriesLimitError(9), { raise: "--limit-series" }],
    [new SeriesLimitError(9, { series: 250 }), { raise: "--limit-series", over: { limit: "series", sent: 250 } }],
    [over({}), {}],
    [new CapacityError("clusters", "Cannot take it"), { raise: "--limit-clusters" }],
    [new CapacityError("total_series", "Cannot take it"), { raise: "--limit-total-series" }],
    [CapacityError.ofMemory("the push"), { raise: "--limit-memory" }],
    [CapacityError.ofWork(), {}],
    [new PushRefusal("rate", { retryAfterMs: 1_000 }), { lower: "--ratelimit" }],
    [new PushRefusal("refused_often", { retryAfterMs: 1_000 }), {}],
    [new PushRefusal("samples"), { raise: "--limit-samples-per-second" }],
    [new InvalidPushError("identity", "Cannot accept the push: it has no series"), {}],
  ] as const
) {
  const { name } = error;
  Deno.test(`remedyOf() of a ${name} is ${JSON.stringify(remedy)}, whatever its sentence and whoever refuses`, () => {
    for (const told of remedies(error)) assert.deepEqual(told, remedy);
    const flags = Object.keys(SERVER_OPTIONS).map(flagOf);
    for (
      const flag of [{ raise: undefined, lower: undefined, ...remedy }].flatMap(({ raise, lower }) =>
        raise ?? lower ?? []
      )
    ) {
      assert.ok(flags.includes(flag));
    }
  });
}

Deno.test("remedyOf() names the limit of text for a text that is too long once it is uncompressed", () => {
  for (const { raise } of remedies(over({ limit: "decompressedBytes" }), { isText: true })) {
    assert.equal(raise, "--limit-text-bytes");
  }
});

Deno.test("fromMember() takes no limit from a member that it does not know", () => {
  for (const reason of ["limit", "limit weather", "limit constructor", "limit series_x"]) {
    assert.deepEqual(remedyOf(fromMember({ reason, detail: "It rains" }), { isText: false }), {});
  }
});
