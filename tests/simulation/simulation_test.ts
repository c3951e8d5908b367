/** The ring in simulated worlds: what must always hold is checked after every step of each. `deno task simulate` runs more of them. */

import assert from "node:assert/strict";
import { runPlan, type RunResult } from "./ring_world.ts";
import { planOf, SCENARIOS } from "./scenarios.ts";
import { formatRecord } from "./trace.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** How many seeds each scenario is run with: about 75 ms each. */
const SEEDS = 12;

function describe({ plan: { scenario, seed }, violation, endedAt }: RunResult): string {
  const again = `deno task simulate --scenario ${scenario} --seed ${seed} --seeds 1`;
  return `${violation?.message} (after ${Math.round(endedAt)} ms; again: ${again})`;
}

/** What members cannot stand yet: they take the clock that stood still for the time that went by. */
const UNMENDED = ["stands-still"];

for (const scenario of Object.keys(SCENARIOS).filter((name) => !UNMENDED.includes(name))) {
  Deno.test(`RingMachine keeps its invariants through ${SEEDS} worlds of '${scenario}'`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const result = runPlan({ plan: planOf(seed, { scenario }) });
      assert.equal(result.violation, undefined, describe(result));
      const { plan: { nodes, faults }, tally: { stored, behind } } = result;
      assert.ok(stored > 0, `seed ${seed} stores something`);
      // Members that take over from each other without a copy in common have but their clocks to tell which push is the latest.
      const tellTime = nodes.every(({ wallOffsetMs }) => Math.abs(wallOffsetMs) < 2_000);
      const isWhole = faults.every(({ kind }) => kind !== "cut") && scenario !== "one-address";
      if (tellTime || isWhole) assert.equal(behind, 0, `seed ${seed} shows the latest push of each cluster`);
    }
  });
}

Deno.test("RingMachine does not pause for its own comings and goings where nobody serves", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = runPlan({ plan: planOf(seed, { scenario: "everybody-flaps" }) });
    const { servingMs } = result.tally;
    assert.ok(servingMs < 20_000, `${servingMs} ms after the last crash all serve; ${describe(result)}`);
  }
});

Deno.test("runPlan() does the same with the same seed, and something else with another", () => {
  const [once, again, other] = [7, 7, 8].map((seed) => {
    const { tally, endedAt, trace } = runPlan({ plan: planOf(seed, { scenario: "crashes" }) });
    return { tally, endedAt, trace: trace().map(formatRecord) };
  });
  assert.deepEqual(once, again);
  assert.notDeepEqual(once.tally, other.tally);
  assert.ok(once.trace.length > 1_000);
});

Deno.test("runPlan() sees what the crash of a member costs: nothing is shown twice, and some is missing for a while", () => {
  const { tally } = runPlan({ plan: planOf(3, { scenario: "one-crash" }) });
  assert.equal(tally.twice, 0);
  assert.ok(
    tally.missing > 1 && tally.missing < tally.seconds / 4,
    `${tally.missing} of ${tally.seconds} cluster-seconds`,
  );
  assert.ok(tally.heirMs > 5_000 && tally.heirMs < 25_000, `${tally.heirMs} ms until an heir showed everything`);
});
