/**
 * The trial that the same queries have the same answers in the Prometheus that is read and in those where series arrive, for
 * every kind of series.
 *
 * @module
 */

import { messageOf } from "../../../common/explain.ts";
import { describeRunner, findRelease, type Release, RELEASES, type Runner } from "../prometheus_runner.ts";
import { startChain } from "./chain.ts";
import { CENTRALS, SOURCE } from "./chain_plan.ts";
import { sameAnswers, type Verdict } from "./claims.ts";

/** What the trial works with. */
export interface TrialOptions {
  /** Ends it early. */
  readonly signal: AbortSignal;
  /** Hears what is started, and of every claim. */
  readonly say: (line: string) => void;
}

/** Tries it with the releases that can be had, and says which are skipped. Returns whether all claims hold. */
export async function trySameAnswers({ signal, say }: TrialOptions): Promise<boolean> {
  const runners = await findRunners({ signal, say });
  const source = runners[SOURCE.release];
  if (source === undefined) return true;
  for (const [release, runner] of Object.entries(runners)) say(`Prometheus ${release} runs ${describeRunner(runner)}`);
  await using chain = await startChain({ runners: { ...runners, [SOURCE.release]: source }, say, signal });
  const lost = chain.crew.lost.then((child) => {
    throw new Error(`the program ${child.name} ended although nobody asked it to; its last lines:\n${child.tail()}`);
  });
  let ok = true;
  const verdicts = sameAnswers(chain, { signal });
  try {
    while (true) {
      const { value, done } = await Promise.race([verdicts.next(), lost]);
      if (done) return ok;
      say(lineOf(value));
      ok &&= value.fault === undefined;
    }
  } catch (error) {
    if (signal.aborted) throw error;
    for (const child of chain.crew.children) say(`--- the last lines of ${child.name}\n${child.tail(10)}\n`);
    say(`failed: the same queries have the same answers at both ends: ${messageOf(error)}`);
    return false;
  }
}

function lineOf({ claim, fault }: Verdict): string {
  return fault === undefined ? `passed: ${claim}` : `failed: ${claim}: ${fault}`;
}

async function findRunners({ say }: TrialOptions): Promise<Partial<Record<Release, Runner>>> {
  const runners: Partial<Record<Release, Runner>> = {};
  for (const release of Object.keys(RELEASES) as Release[]) {
    try {
      runners[release] = await findRelease(release, { say });
    } catch (error) {
      const what = release === SOURCE.release
        ? "that the same queries have the same answers at both ends"
        : CENTRALS.filter((plan) => plan.release === release).map(({ name }) => name).join(" and ");
      say(`skipped: ${what}, as there is no Prometheus ${release}: ${messageOf(error)}`);
    }
  }
  return runners;
}
