/**
 * Makes a plan that violates an invariant as small as it goes, and its trace as short.
 *
 * @module
 */

import { type RingWorldOptions, runPlan, type RunResult } from "./ring_world.ts";
import { formatRecord, type TraceRecord } from "./trace.ts";

/** What is kept of a trace, from its end. */
const LINES = { ofAll: 25, thatMatter: 120 } as const;

/**
 * Leaves out faults and clusters for as long as the same invariant is violated, in so many runs at most; returns the run of the
 * smallest plan.
 */
export function shrink(
  found: RunResult,
  { runs, ...options }: Omit<RingWorldOptions, "plan"> & { runs: number },
): RunResult {
  let smallest = found;
  let left = runs;
  const isSmaller = (plan: RunResult["plan"]): boolean => {
    if (left-- <= 0) return false;
    const run = runPlan({ ...options, plan });
    if (run.violation?.invariant !== found.violation?.invariant) return false;
    smallest = run;
    return true;
  };
  for (let again = true; again && left > 0;) {
    again = false;
    // From the last one on: what came after the violation goes first.
    for (let at = smallest.plan.faults.length - 1; at >= 0; at--) {
      const { plan } = smallest;
      if (isSmaller({ ...plan, faults: plan.faults.toSpliced(at, 1) })) again = true;
    }
  }
  for (let again = true; again && left > 0;) {
    const { plan } = smallest;
    again = plan.clusters > 1 && isSmaller({ ...plan, clusters: plan.clusters >> 1 });
  }
  return smallest;
}

/** The part of a trace that tells of a violation, as lines: faults, what members noted, the cluster, and what came last. */
export function linesThatMatter({ trace, violation }: RunResult): string[] {
  const records = trace();
  const cluster = violation?.cluster;
  const first = records.length - LINES.ofAll;
  const chosen = records.filter((record, index) => index >= first || matters(record, cluster));
  return chosen.slice(-LINES.thatMatter).map(formatRecord);
}

function matters({ what, detail }: TraceRecord, cluster: string | undefined): boolean {
  switch (what) {
    case "begins":
    case "ends":
    case "starts":
    case "is killed":
    case "linkDown":
    case "left":
      return true;
    case "note":
      return (detail as { level: string }).level !== "debug";
    default:
      return cluster !== undefined && clusterOf(detail as Detail | undefined) === cluster;
  }
}

/** What an event or an effect may say of a cluster. */
interface Detail {
  readonly id?: string;
  readonly entry?: { readonly id: string };
  readonly message?: { readonly header: Readonly<Record<string, unknown>> };
}

function clusterOf(detail: Detail | undefined): unknown {
  return detail?.id ?? detail?.entry?.id ?? detail?.message?.header.id;
}
