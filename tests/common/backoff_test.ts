import assert from "node:assert/strict";
import fc from "fast-check";
import { parseRetryAfter, retryDelayMs } from "../../common/backoff.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const delays: [
  failures: number,
  intervalMs: number,
  retryAfterMs: number | undefined,
  random: number,
  delay: number,
][] = [
  [1, 270_000, undefined, 0, 500],
  [1, 270_000, undefined, 0.5, 750],
  [2, 270_000, undefined, 0, 1_000],
  [4, 270_000, undefined, 0.5, 6_000],
  [9, 270_000, undefined, 0, 128_000],
  [10, 270_000, undefined, 0, 135_000],
  [5_000, 270_000, undefined, 0.5, 202_500],
  [1, 400, undefined, 0, 200],
  [1, 270_000, 300_000, 0, 300_000],
  [1, 270_000, 300_000, 0.5, 315_000],
  [9, 270_000, 1_000, 0, 128_000],
  [1, 270_000, 1e12, 0, 3_600_000],
];

for (const [failures, intervalMs, retryAfterMs, random, delay] of delays) {
  const asked = retryAfterMs === undefined ? "" : `, asked to wait ${retryAfterMs} ms`;
  Deno.test(`retryDelayMs() is ${delay} after ${failures} failures at ${intervalMs} ms, luck ${random}${asked}`, () => {
    assert.equal(retryDelayMs({ failures, intervalMs, retryAfterMs, random: () => random }), delay);
  });
}

Deno.test("retryDelayMs() is never longer than the interval unless asked, and never shorter than a quarter second", () => {
  const luck = fc.double({ min: 0, max: 0.999, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 500, max: 1e8 }), luck, (n, ms, random) => {
      const delay = retryDelayMs({ failures: n, intervalMs: ms, random: () => random });
      assert.ok(delay >= 250 && delay <= ms, `${delay}`);
    }),
  );
});

// 2026-01-01T00:00:00Z
const NOW = 1_767_225_600_000;

const headers: [header: string | null, ms: number | undefined][] = [
  [null, undefined],
  ["", undefined],
  ["0", 0],
  ["120", 120_000],
  [" 7 ", 7_000],
  ["-1", undefined],
  ["1.5", undefined],
  ["1e3", undefined],
  ["9999999999", undefined],
  ["soon", undefined],
  ["Thu, 01 Jan 2026 00:05:00 GMT", 300_000],
  ["Thursday, 01-Jan-26 00:05:00 GMT", 300_000],
  ["Wed, 31 Dec 2025 23:59:59 GMT", undefined],
  ["Thu, 99 Nov 2026 00:05:00 GMT", undefined],
];

for (const [header, ms] of headers) {
  Deno.test(`parseRetryAfter() reads ${JSON.stringify(header)} as ${ms} ms`, () => {
    assert.equal(parseRetryAfter(header, NOW), ms);
  });
}
