/** Rings that are broken on purpose: the simulator must see each of them fail, or it would prove nothing. */

import assert from "node:assert/strict";
import { runPlan } from "./ring_world.ts";
import { MUTANTS } from "./mutants.ts";
import { planOf } from "./scenarios.ts";
import { linesThatMatter, shrink } from "./shrink.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Among how many worlds there must be one in which a mutant fails: most do in the first. */
const SEEDS = 40;

for (const [name, { scenario, violates, make, patch }] of Object.entries(MUTANTS)) {
  Deno.test(`runPlan() finds a member that ${name}`, () => {
    const mend = patch?.();
    try {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { violation } = runPlan({ plan: planOf(seed, { scenario }), makeMachine: make });
        if (violation !== undefined && violates.includes(violation.invariant)) return;
      }
      assert.fail(`none of ${SEEDS} worlds of '${scenario}' finds it`);
    } finally {
      mend?.();
    }
  });
}

Deno.test("shrink() leaves out the faults that a violation does not need, and keeps the violation", () => {
  const { make: makeMachine } = MUTANTS["shows what it only stands by for"];
  const plan = planOf(1, { scenario: "crashes" });
  const found = runPlan({ plan, makeMachine });
  assert.equal(found.violation?.invariant, "I1");
  const smallest = shrink(found, { makeMachine, runs: 40 });
  assert.equal(smallest.violation?.invariant, "I1");
  assert.ok(plan.faults.length > 0 && plan.clusters > 1);
  assert.deepEqual([smallest.plan.faults.length, smallest.plan.clusters], [0, 1]);
  const lines = linesThatMatter(smallest);
  assert.ok(lines.length > 20 && lines.length <= 120);
  assert.ok(lines.some((line) => line.includes(smallest.violation!.cluster!)), "the cluster is told of");
});
