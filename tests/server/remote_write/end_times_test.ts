import assert from "node:assert/strict";
import fc from "fast-check";
import type { ClusterEntry } from "../../../server/exposition/exposition_index.ts";
import { EndTimes } from "../../../server/remote_write/end_times.ts";
import type { Delta } from "../../../server/remote_write/delta.ts";
import { Merger } from "../../../server/remote_write/merge.ts";
import { LINE } from "../../../server/remote_write/sample_lines.ts";
import { entryOf, NOW_MS, render, shownBy } from "../../support/made_up_deltas.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const encoder = new TextEncoder();
const merger = new Merger();

/** A line of each of some series, with a time. */
const lines = (jobs: readonly string[], { ms, value = 1 }: { ms: number; value?: number }) =>
  render(
    jobs.length === 0 ? [{ name: "none", type: "untyped", metrics: [] }] : [{
      name: "x",
      type: "gauge",
      metrics: jobs.map((job) => ({ labels: [{ name: "job", value: job }], value, timestampMs: NOW_MS + ms })),
    }],
  );

/** When a series ended, as a merge asks. */
function endOf(ends: EndTimes, id: string, job: string): number | undefined {
  const key = encoder.encode(`x{job="${job}"}`);
  return ends.of(id)?.(key, 0, key.length, LINE);
}

Deno.test("EndTimes keep the latest end of a series until samples from before it are not taken any more", () => {
  const ends = new EndTimes();
  assert.equal(ends.of("a"), undefined);
  ends.learn("a", lines(["1", "2"], { ms: -500 }));
  ends.learn("a", lines(["2"], { ms: -200 }));
  ends.learn("a", lines(["2"], { ms: -900 }));
  assert.deepEqual(["1", "2", "3"].map((job) => endOf(ends, "a", job)), [NOW_MS - 500, NOW_MS - 200, -Infinity]);
  assert.deepEqual([endOf(ends, "b", "1"), ends.size], [undefined, 2]);
  ends.expire(NOW_MS - 300);
  assert.deepEqual([endOf(ends, "a", "1"), endOf(ends, "a", "2"), ends.size], [-Infinity, NOW_MS - 200, 1]);
  ends.expire(NOW_MS);
  assert.deepEqual([ends.of("a"), ends.size], [undefined, 0]);
});

Deno.test("EndTimes let go of those that were learned first where there are too many, of a cluster and of all", () => {
  const ends = new EndTimes({ maxEnds: 5, maxClusterEnds: 3 });
  const jobs = (count: number) => Array.from({ length: count }, (_, i) => String(i));
  ends.learn("a", lines(jobs(4), { ms: 0 }));
  assert.deepEqual(jobs(4).map((job) => endOf(ends, "a", job)), [-Infinity, NOW_MS, NOW_MS, NOW_MS]);
  ends.learn("b", lines(jobs(2), { ms: 0 }));
  assert.deepEqual([ends.size, endOf(ends, "a", "3")], [5, NOW_MS]);
  ends.learn("c", lines(jobs(1), { ms: 0 }));
  assert.deepEqual([ends.size, ends.of("a"), endOf(ends, "b", "1"), endOf(ends, "c", "0")], [
    3,
    undefined,
    NOW_MS,
    NOW_MS,
  ]);
});

Deno.test("Merger and EndTimes come to what a serial order of all times comes to, in whatever order they arrive", () => {
  const event = fc.record({ job: fc.constantFrom("1", "2", "3"), isEnd: fc.boolean() });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), fc.array(fc.nat()), fc.array(fc.nat(2)), (events, order, cuts) => {
      const timed = events.map((event, i) => ({ ...event, ms: i - events.length, value: i }));
      const last = new Map(timed.map((event) => [event.job, event]));
      const expected = [...last.values()].filter(({ isEnd }) => !isEnd);
      const arriving = timed.toSorted((a, b) => (order[a.value] ?? 0) - (order[b.value] ?? 0));
      const ends = new EndTimes();
      let shown: ClusterEntry | undefined;
      for (let at = 0, merge = 0; at < arriving.length; merge++) {
        const together = arriving.slice(at, at += 1 + (cuts[merge] ?? 0));
        const deltas = together.map(({ job, isEnd, ms, value }): Delta =>
          isEnd
            ? { values: lines([], { ms }), ended: lines([job], { ms, value }) }
            : { values: lines([job], { ms, value }) }
        );
        shown = entryOf(merger.merge(shown, deltas, { oldestMs: 0, endedAt: ends.of("a") }));
        for (const { ended } of deltas) if (ended !== undefined) ends.learn("a", ended);
      }
      assert.deepEqual(
        shown === undefined ? [] : shownBy(shown),
        expected.map(({ job, ms, value }) => `${NOW_MS + ms} gauge x{job="${job}"} ${value}`).sort(),
      );
    }),
    { numRuns: 2_000 },
  );
});
