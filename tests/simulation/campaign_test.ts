import assert from "node:assert/strict";
import { report, simulate, summaryOf } from "./campaign.ts";
import { runPlan } from "./ring_world.ts";
import { MUTANTS } from "./mutants.ts";
import { planOf } from "./scenarios.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const signal = new AbortController().signal;

Deno.test("simulate() runs so many seeds, each with one of the scenarios in turn, and tells of each scenario", async () => {
  const campaign = await simulate({ seed: 1, seeds: 4, scenarios: ["joins", "nothing"], signal });
  assert.equal(campaign.seeds, 4);
  assert.equal(campaign.failed, undefined);
  const [first, header, ...rows] = summaryOf(campaign).split("\n");
  assert.match(first, /^4 seeds, 0\.\d h simulated/);
  assert.match(header, /^scenario +seeds +to show +missing +longest +pages +forked/);
  assert.deepEqual(rows.map((row) => row.split(/ +/).slice(0, 2)), [["joins", "2"], ["nothing", "2"]]);
});

Deno.test("simulate() ends when the signal is given", async () => {
  const campaign = await simulate({ seed: 1, seeds: Infinity, signal: AbortSignal.abort() });
  assert.equal(campaign.seeds, 0);
});

Deno.test("report() tells how to run a failing seed again, its faults, and what mattered last", () => {
  const { make: makeMachine, scenario } = MUTANTS["answers twice"];
  const failed = runPlan({ plan: planOf(5, { scenario }), makeMachine });
  const lines = report(failed, { makeMachine }).split("\n");
  assert.match(lines[0], /^Seed 5 fails: I7, /);
  assert.equal(lines[1], "Again: deno task simulate --scenario nothing --seed 5 --seeds 1");
  assert.match(lines.at(-1)!, / settle /);
});
