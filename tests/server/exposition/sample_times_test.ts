import assert from "node:assert/strict";
import fc from "fast-check";
import type { Block } from "../../../common/ingest/ingested_push.ts";
import type { ClusterEntry } from "../../../server/exposition/exposition_index.ts";
import { timedLines } from "../../../server/exposition/sample_times.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const decoder = new TextDecoder();

/** What is read of an entry whose lines have these times. */
function entryOf(lines: readonly string[], { baseMs, ages }: { baseMs: number; ages: readonly number[] }) {
  const text = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
  const runs: number[] = [], ends: number[] = [];
  let at = 0;
  for (const [i, line] of lines.entries()) {
    at += new TextEncoder().encode(line).length + 1;
    ends.push(at);
    if (runs.length > 0 && runs.at(-2) === ages[i]) runs[runs.length - 1] = at;
    else runs.push(ages[i], at);
  }
  const block = { firstRun: 0, endRun: runs.length / 2 } as Block;
  return { entry: { text, runs: Uint32Array.from(runs), baseMs } as unknown as ClusterEntry, block, ends };
}

const LINE = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 80 }).map((length) => `${"x".repeat(length)} 1`) },
  fc.constantFrom("x 1", `é{a="\\n"} NaN`, `${"y".repeat(5_000)} 2`),
);

Deno.test("timedLines() puts the time of its sample behind each line of a range, whatever runs it starts and ends in", () => {
  const age = fc.oneof(fc.nat(2), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
  const lines = fc.array(fc.tuple(LINE, age), { minLength: 1, maxLength: 200 });
  const base = fc.constantFrom(0, -5, 1_700_000_000_000, -(2 ** 40), 2 ** 52);
  fc.assert(fc.property(lines, base, fc.nat(), fc.nat(), (lines, baseMs, first, count) => {
    const { entry, block, ends } = entryOf(lines.map(([line]) => line), { baseMs, ages: lines.map(([, age]) => age) });
    const from = first % lines.length, to = from + 1 + count % (lines.length - from);
    const range = [from === 0 ? 0 : ends[from - 1], ends[to - 1]] as const;
    const slices = [...timedLines(entry, { block, range: [...range] })];
    const wanted = lines.slice(from, to).map(([line, age]) => `${line} ${baseMs + age}\n`).join("");
    assert.equal(slices.map((slice) => decoder.decode(slice)).join(""), wanted);
  }));
});

Deno.test("timedLines() makes no slice of much more than 128 KiB of lines, but of a line that is longer", () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => i === 7_000 ? "z".repeat(300_000) : `x{i="${i}"} 1`);
  const { entry, block } = entryOf(lines, { baseMs: 1, ages: lines.map((_, i) => i) });
  const slices = [...timedLines(entry, { block, range: [0, entry.text.length] })];
  assert.equal(
    slices.map((slice) => decoder.decode(slice)).join(""),
    lines.map((line, i) => `${line} ${1 + i}\n`).join(""),
  );
  assert.deepEqual(slices.map(({ length }) => length > 250_000), [true, false, false]);
});
