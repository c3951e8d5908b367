/** The ring in simulated worlds: what must always hold is checked after every step of each. `deno task simulate` runs more of them. */

import assert from "node:assert/strict";
import { HEIR_MS } from "./convergence_watch.ts";
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

for (const scenario of Object.keys(SCENARIOS)) {
  Deno.test(`RingMachine keeps its invariants through ${SEEDS} worlds of '${scenario}'`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const result = runPlan({ plan: planOf(seed, { scenario }) });
      assert.equal(result.violation, undefined, describe(result));
      const { tally: { stored, behind } } = result;
      assert.ok(stored > 0, `seed ${seed} stores something`);
      assert.equal(behind, 0, `seed ${seed} shows the latest push of each cluster`);
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

Deno.test("runPlan() sees what the crash of a member costs: some is missing for a moment", () => {
  const { tally } = runPlan({ plan: planOf(3, { scenario: "one-crash" }) });
  assert.ok(tally.pages > 100);
  assert.ok(
    tally.missing > 0 && tally.missing < tally.seconds / 20,
    `${tally.missing} of ${tally.seconds} cluster-seconds`,
  );
  assert.ok(tally.heirMs > 500 && tally.heirMs < HEIR_MS, `${tally.heirMs} ms until an heir showed everything`);
});
