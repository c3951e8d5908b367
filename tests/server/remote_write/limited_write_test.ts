import assert from "node:assert/strict";
import fc from "fast-check";
import type { StoredPush } from "../../../server/store/push_store.ts";
import { DeltaRenderer, type RenderedWrite } from "../../../server/remote_write/delta_renderer.ts";
import { WriteLimiter } from "../../../server/remote_write/limited_write.ts";
import type { Delta } from "../../../server/remote_write/delta.ts";
import { Merger } from "../../../server/remote_write/merge.ts";
import { deltaOfWrite } from "../../../server/remote_write/rendered_delta.ts";
import {
  entryOf,
  keyOf,
  NOW_MS,
  push,
  render,
  renderer,
  shownBy,
  steps,
  tell,
  type Told,
} from "../../support/made_up_deltas.ts";
import { RENDER_RULES } from "../../support/render_rules.ts";
import { oneSample, writeRequest } from "../../support/write_sender.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const REQUEST: StoredPush = {
  id: "a",
  receivedAtMs: NOW_MS,
  labels: new Map(),
  contentType: "remote write 1.0",
  contentEncoding: "snappy",
  body: new Uint8Array(),
};
/** What a request tells of itself, beside what it changes. */
const WRITE: RenderedWrite = {
  values: undefined,
  ended: undefined,
  types: new Map(),
  received: { samples: 0, histograms: 0 },
  lost: { samples: 3, histograms: 2 },
  exemplars: 0,
  dropped: 0,
  droppedMetrics: new Map(),
  replaced: 0,
  leftOut: new Map(),
};

const merger = new Merger();
const limiter = new WriteLimiter();
const deltas = new DeltaRenderer(RENDER_RULES);

/** Whether remote write may bring it: its native histograms have no classic buckets beside, and others come line by line. */
const isWrite = ({ values, ended }: Delta) =>
  [values, ended].filter((lines) => lines !== undefined).flatMap(tell).every(({ isNative, lines }) =>
    lines.length === (isNative ? NATIVE_LINES : 1)
  );
/** Of a native histogram a page shows a bucket, the sum and the count. */
const NATIVE_LINES = 3;

const keyOfLine = (line: string, isNative: boolean) => `${isNative ? "native " : ""}${keyOf(line)}`;

/** The samples for which there is room, by strings. */
function keptOf(
  samples: readonly Told[],
  { shown, maxSeries, oldestMs }: { shown: readonly string[]; maxSeries: number; oldestMs: number },
): Told[] {
  const known = new Set(shown);
  let room = maxSeries - shown.length;
  return samples.filter(({ lines, ms, isNative }) => {
    if (ms < oldestMs || known.has(keyOfLine(lines.at(-1)!, isNative))) return true;
    if (lines.length > room) return false;
    room -= lines.length;
    return true;
  });
}

Deno.test("WriteLimiter takes series that are shown, and new ones while there is room, as sets of strings say", () => {
  let limits = 0;
  fc.assert(
    fc.property(fc.option(push), steps, fc.nat(30), fc.nat(7), (first, made, maxSeries, age) => {
      const oldestMs = NOW_MS - 1_000 * age;
      const delta = made.findLast(isWrite);
      if (delta === undefined) return;
      const before = made.slice(0, made.lastIndexOf(delta));
      const shown = entryOf(merger.merge(first === null ? undefined : render(first), before, { oldestMs: 0 }));
      const shownNow = tell(shown).filter(({ ms }) => ms >= oldestMs);
      const keys = shownNow.flatMap(({ lines, isNative }) => lines.map((line) => keyOfLine(line, isNative)));
      const pushed = first === null ? [] : [render(first)];
      // What is not merged yet says the same where nothing has ended, and no histograms have been replaced by ones of fewer lines.
      const isAlike = before.every((made) => made.ended === undefined && isWrite(made)) &&
        (before.length === 0 || pushed.every((values) => isWrite({ values })));
      const unmerged = [...pushed, ...before.map(({ values }) => values)];
      const all = tell(delta.values), kept = keptOf(all, { shown: keys, maxSeries, oldestMs });
      const limited = limiter.limit(REQUEST, {
        write: WRITE,
        delta,
        shown: isAlike ? unmerged : [shown],
        maxSeries,
        oldestMs,
      });
      if (kept.length === all.length) return assert.equal(limited, undefined);
      limits++;
      const parts = limited!.requests.map((request) => {
        const part = deltas.render({ ...request, receivedAtMs: NOW_MS }, renderer);
        return deltaOfWrite(part, part.types)!;
      });
      const lines = (samples: typeof all) =>
        samples.flatMap(({ lines, ms }) => lines.map((line) => `${ms} ${line}`)).sort();
      assert.deepEqual(lines(parts.flatMap(({ values }) => tell(values))), lines(kept));
      const ends = (lines: readonly Delta[]) =>
        lines.flatMap(({ ended }) => ended === undefined ? [] : tell(ended)).map(({ lines, ms }) =>
          `${ms} ${keyOf(lines.at(-1)!)}`
        ).sort();
      assert.deepEqual(ends(parts), ends([delta]));
      const left = all.filter((sample) => !kept.includes(sample));
      const histograms = left.filter(({ isNative }) => isNative).length;
      assert.deepEqual(limited!.write.lost, { samples: 3 + left.length - histograms, histograms: 2 + histograms });
      const { count, first: told } = limited!.write.leftOut.get("series_limit")!;
      assert.deepEqual([count, told.series], [left.length, keyOf(left[0].lines[0])]);
      // What is shown then is within the limit, or no more than it was.
      const then = entryOf(merger.merge(shown, parts, { oldestMs }));
      assert.ok(then.series <= Math.max(maxSeries, keys.length), shownBy(then).join("\n"));
    }),
    { numRuns: 2_000 },
  );
  assert.ok(limits > 100, `${limits}`);
});

Deno.test("WriteLimiter writes as many requests as what it takes needs, of 5,000 samples at most", () => {
  const large = new DeltaRenderer({ ...RENDER_RULES, limitBytes: 1e6, maxTextBytes: 1e6 });
  const series = Array.from(
    { length: 9_500 },
    (_, i) => oneSample({ __name__: "x", i: String(i) }, { value: i, timestamp: NOW_MS }),
  );
  const request: StoredPush = { ...REQUEST, body: writeRequest(series).body };
  const write = large.render(request, renderer);
  const delta = deltaOfWrite(write, write.types)!;
  const limited = limiter.limit(request, { write, delta, shown: [], maxSeries: 9_200, oldestMs: 0 });
  const counts = limited!.requests.map((request) => large.render(request, renderer).received.samples);
  assert.deepEqual(counts, [5_000, 4_200]);
  assert.deepEqual(limited!.write.lost, { samples: 300, histograms: 0 });
});
