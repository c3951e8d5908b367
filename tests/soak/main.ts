/**
 * The soak: `deno task soak` keeps one server or a ring under pushes, scrapes, attacks, faults and restarts at random, and
 * tells whether they stayed what they were. It exits with 1 if they did not.
 *
 * @module
 */

import { formatDuration } from "../../common/duration.ts";
import { run } from "../../common/lifecycle.ts";
import { count, duration, flag, wholeNumber } from "../../common/option_kinds.ts";
import { LOG_OPTIONS, type OptionTable, type Program } from "../../common/options.ts";
import { mebibytes } from "./footprint.ts";
import type { Growth } from "./growth.ts";
import { soak } from "./soak.ts";
import type { SoakReport } from "./soak_report.ts";

/** The option table. */
export const SOAK_OPTIONS = {
  seed: { kind: count, help: "What all chance follows from; without one, a new one each time" },
  duration: {
    kind: duration,
    default: "4m",
    help: "How long it lasts: the first half with faults, the second without",
  },
  clusters: { kind: wholeNumber({ least: 1 }), default: "200", help: "Clusters that push" },
  servers: { kind: wholeNumber({ least: 1 }), default: "1", help: "Servers: a ring, if several" },
  fullDisk: { kind: flag, help: "Give each server a small disk that is full at times; for root, or behind unshare" },
  rate: { kind: wholeNumber({ least: 1 }), default: "100", help: "Pushes a second, of all clusters together" },
  ...LOG_OPTIONS,
} as const satisfies OptionTable;

/** The program as `--help` shows it. */
export const SOAK: Program<typeof SOAK_OPTIONS> = {
  name: "soak",
  summary: "Keeps servers under pushes, scrapes, attacks, faults and restarts at random, and tells whether they held.",
  options: SOAK_OPTIONS,
};

/** A report as people read it. */
export function describe({ answers, acts, pages, lost, servers, faults }: SoakReport): string {
  const listed = (counts: ReadonlyMap<string, number>) => [...counts].sort().map((pair) => pair.join(": ")).join(", ");
  const sum = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((a, b) => a + b, 0);
  return [
    `pushes: ${sum(answers)}, by answer: ${listed(answers)}; ${pages} pages read`,
    `done to it: ${sum(acts)}; ${listed(acts)}`,
    ...servers.map(({ name, footprints: { before, after }, memory, slowestReady }) =>
      `${name}: memory ${mebibytes(before.residentBytes)} MiB at the start of the calm half, ` +
      `${mebibytes(after.residentBytes)} at its end` +
      (memory === undefined
        ? ""
        : `, without garbage ${grown(memory.residentBytes)}, with ${grown(memory.heapBytes)} of objects and ` +
          `${grown(memory.externalBytes)} of buffers`) +
      `; ready after ${seconds(slowestReady.atOnceMs)} s at most, after ${seconds(slowestReady.pausedMs)} with pauses` +
      `; descriptors ${before.descriptors}, then ${after.descriptors}; threads ${before.threads}, then ${after.threads}`
    ),
    `acknowledged: ${answers.get("200") ?? 0}; lost: ${lost}`,
    `findings: ${faults.length === 0 ? "none" : `${faults.length}, such as: ${faults[0]}`}`,
  ].join("\n");
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}

function grown({ from, to }: Growth): string {
  return `${mebibytes(from)} and then ${mebibytes(to)}`;
}

if (import.meta.main) {
  await run(SOAK, async ({ values, log, signal, print }) => {
    const { seed = crypto.getRandomValues(new Uint32Array(1))[0], duration: durationMs, rate, ...plan } = values;
    const { servers, fullDisk } = plan;
    log.info("Soaking servers", { seed, servers, fullDisk, duration: formatDuration(durationMs) });
    const report = await soak({ ...plan, seed, durationMs, pushesPerSecond: rate }, { log, signal });
    print(`soak of seed ${seed}, ${formatDuration(durationMs)}, servers: ${servers}:\n${describe(report)}\n`);
    return report.faults.length > 0 ? 1 : 0;
  }, { startsPrograms: true });
}
