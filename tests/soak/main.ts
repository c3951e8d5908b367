/**
 * The soak: `deno task soak` keeps a server under pushes, scrapes, attacks, faults and restarts at random, and tells whether it
 * stayed what it was. It exits with 1 if it did not.
 *
 * @module
 */

import { formatDuration } from "../../common/duration.ts";
import { run } from "../../common/lifecycle.ts";
import { count, duration, LOG_OPTIONS, type OptionTable, type Program, wholeNumber } from "../../common/options.ts";
import { mebibytes, soak, type SoakReport } from "./soak.ts";

/** The option table. */
export const SOAK_OPTIONS = {
  seed: { kind: count, help: "What all chance follows from; without one, a new one each time" },
  duration: {
    kind: duration,
    default: "4m",
    help: "How long it lasts: the first half with faults, the second without",
  },
  clusters: { kind: wholeNumber({ least: 1 }), default: "200", help: "Clusters that push" },
  rate: { kind: wholeNumber({ least: 1 }), default: "100", help: "Pushes a second, of all clusters together" },
  ...LOG_OPTIONS,
} as const satisfies OptionTable;

/** The program as `--help` shows it. */
export const SOAK: Program<typeof SOAK_OPTIONS> = {
  name: "soak",
  summary: "Keeps a server under pushes, scrapes, attacks, faults and restarts at random, and tells whether it held.",
  options: SOAK_OPTIONS,
};

/** A report as people read it. */
export function describe({ answers, acts, pages, memory, footprints: { before, after }, faults }: SoakReport): string {
  const listed = (counts: ReadonlyMap<string, number>) => [...counts].sort().map((pair) => pair.join(": ")).join(", ");
  return [
    `pushes by answer: ${listed(answers)}; ${pages} pages read`,
    `done to it: ${listed(acts)}`,
    memory === undefined
      ? "memory: too short to tell"
      : `memory: ${mebibytes(memory.early)} MiB early, ${mebibytes(memory.late)} MiB late`,
    `descriptors: ${before.descriptors} before, ${after.descriptors} after; threads: ${before.threads}, ${after.threads}`,
    faults.length === 0
      ? "nothing acknowledged was lost, and no page was malformed"
      : `FAULTS: ${faults.length}, such as: ${faults[0]}`,
  ].join("\n");
}

if (import.meta.main) {
  await run(SOAK, async ({ values, log, signal, print }) => {
    const { seed = crypto.getRandomValues(new Uint32Array(1))[0], duration: durationMs, clusters, rate } = values;
    log.info("Soaking a server", { seed, duration: formatDuration(durationMs) });
    const report = await soak({ seed, durationMs, clusters, pushesPerSecond: rate }, { log, signal });
    print(`soak of seed ${seed}:\n${describe(report)}\n`);
    return report.faults.length > 0 ? 1 : 0;
  }, { startsPrograms: true });
}
