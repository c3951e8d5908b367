import assert from "node:assert/strict";
import { flagOf } from "../../../common/options.ts";
import { SERVER_OPTIONS } from "../../../server/options.ts";
import { flagToRaise, remedyOf } from "../../../server/pushes/limit_flags.ts";

const SAID: readonly [status: number, message: string, flag: string | undefined][] = [
  [413, "Cannot take a body of more than 9 bytes", "--limit-bytes"],
  [413, "Cannot uncompress the body as it holds more than 9 bytes", "--limit-decompressed-bytes"],
  [413, "Cannot take a push that becomes more than 9 bytes of text", "--limit-decompressed-bytes"],
  [413, "Cannot take a request that becomes more than 9 bytes of families", "--limit-decompressed-bytes"],
  [413, "Cannot take a push of more than 9 families", "--limit-families"],
  [413, "Cannot take more than 9 labels on a series", "--limit-labels"],
  [413, "Cannot take a push of more than 9 series", "--limit-series"],
  [503, "Cannot take another cluster as the server already holds its limit of 9: try again later", "--limit-clusters"],
  [
    503,
    "Cannot take the push as all clusters together would pass the server's limit of 9 series: try again later",
    "--limit-total-series",
  ],
  [503, "Cannot take the push as the server is short of memory: try again later", "--limit-memory"],
  [413, "Cannot tell the series of the push apart: their hashes collide", undefined],
  [400, "Cannot accept the push: it has no series", undefined],
];

for (const [status, message, flag] of SAID) {
  Deno.test(`flagToRaise() of "${message}" is ${flag ?? "none"}`, () => {
    assert.equal(flagToRaise({ status, message, isText: false }), flag);
    const flags = Object.keys(SERVER_OPTIONS).map(flagOf);
    assert.ok(flag === undefined || flags.includes(flag));
  });
}

Deno.test("flagToRaise() names the limit of text for a text that is too long once it is uncompressed", () => {
  const message = "Cannot uncompress the body as it holds more than 9 bytes";
  assert.equal(flagToRaise({ status: 413, message, isText: true }), "--limit-text-bytes");
});

Deno.test("remedyOf() says how far what came was over which limit, and what to lower where a cluster comes too often", () => {
  const said = (message: string, reason = "limit", status = 413) =>
    remedyOf({ status, reason, message, isText: false });
  assert.deepEqual(said("Cannot take a push of more than 9 series: there are 250"), {
    raise: "--limit-series",
    over: { limit: "series", sent: 250 },
  });
  assert.deepEqual(
    said("Cannot take a request by which the cluster has more than 9 series: there are 10").over?.sent,
    10,
  );
  assert.deepEqual(said("Cannot take a push of more than 9 families: there are 11"), {
    raise: "--limit-families",
    over: { limit: "families", sent: 11 },
  });
  assert.deepEqual(said("Cannot take a body of more than 9 bytes: there are 20", "body_size"), {
    raise: "--limit-bytes",
    over: { limit: "bytes", sent: 20 },
  });
  assert.deepEqual(said("Cannot take a push so soon", "rate", 429), { lower: "--ratelimit" });
  assert.deepEqual(said("Cannot take more samples", "samples", 503), { raise: "--limit-samples-per-second" });
  assert.deepEqual(said("Cannot accept the push", "identity", 400), {});
});
