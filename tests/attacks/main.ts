/**
 * The attacks: `deno task attacks` tries each of them on real servers with good clients beside it, and tells what it took and how
 * they fared. It exits with 1 if a good client was refused, or had to wait.
 *
 * @module
 */

import { run } from "../../common/lifecycle.ts";
import { messageOf } from "../../common/explain.ts";
import { choice, count, directory, duration, wholeNumber } from "../../common/option_kinds.ts";
import { LOG_OPTIONS, type OptionTable, type Program } from "../../common/options.ts";
import { ATTACKS } from "./attacks.ts";
import type { Outcome } from "./good_clients.ts";
import { type TrialReport, tryAttack } from "./trial.ts";

/** The option table. */
export const ATTACKS_OPTIONS = {
  attack: {
    kind: choice(["all", ...Object.keys(ATTACKS)]),
    default: "all",
    help: `What is tried: all, or one of ${Object.keys(ATTACKS).join(", ")}`,
  },
  duration: { kind: duration, default: "15s", help: "How long each attack lasts; half of it goes before without one" },
  clients: { kind: wholeNumber({ least: 1 }), default: "20", help: "Good clients, each of one cluster" },
  rate: { kind: wholeNumber({ least: 1 }), default: "20", help: "Their pushes a second, of all together" },
  serverDir: { kind: directory, help: "A checkout of which the servers are run; by default this one" },
  seed: { kind: count, default: "1", help: "What the attacks follow from" },
  ...LOG_OPTIONS,
} as const satisfies OptionTable;

/** The program as `--help` shows it. */
export const ATTACKS_PROGRAM: Program<typeof ATTACKS_OPTIONS> = {
  name: "attacks",
  summary: "Tries attacks on real servers with good clients beside them, and tells how those fared.",
  options: ATTACKS_OPTIONS,
};

/** What 99 of a hundred pushes of good clients must stay below, in milliseconds. */
const MOST_P99_MS = 250;
const COLUMNS = [
  "attack",
  "sent",
  "memory MB",
  "log kB",
  "files",
  "before p50/p99 ms",
  "during p50/p99 ms",
  "refused",
  "failed",
];

function isHeld({ during: { p99Ms, refused, failed } }: TrialReport): boolean {
  return p99Ms < MOST_P99_MS && refused.size === 0 && failed === 0;
}

function rowOf(name: string, report: TrialReport): string[] {
  const { before, during, sentPerSecond, takenBefore, takenAfter } = report;
  const mb = (bytes: number) => (bytes / 1e6).toFixed(0);
  const times = ({ p50Ms, p99Ms }: Outcome) => `${p50Ms.toFixed(0)}/${p99Ms.toFixed(0)}`;
  const refused = [...during.refused].map(([status, count]) => `${count} of ${status}`).join(", ") || "0";
  return [
    isHeld(report) ? name : `**${name}**`,
    `${sentPerSecond.toFixed(0)} ${ATTACKS[name].unit}/s`,
    `${mb(takenBefore.residentBytes)} → ${mb(takenAfter.peakBytes)}`,
    ((takenAfter.logBytes - takenBefore.logBytes) / 1e3).toFixed(0),
    `${takenBefore.descriptors} → ${takenAfter.descriptors}`,
    times(before),
    times(during),
    refused,
    String(during.failed),
  ];
}

function lineOf(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |\n`;
}

if (import.meta.main) {
  await run(ATTACKS_PROGRAM, async ({ values, log, signal, print }) => {
    const { attack: wanted, duration: durationMs, clients, rate, seed } = values;
    const { serverDir: dir = new URL("../..", import.meta.url).pathname } = values;
    const names = Object.keys(ATTACKS).filter((name) => wanted === "all" || name === wanted);
    print(lineOf(COLUMNS) + lineOf(COLUMNS.map(() => "---")));
    let lost = 0;
    for (const name of names) {
      if (signal.aborted) break;
      log.debug("Trying an attack", { name, dir });
      try {
        const report = await tryAttack({ attack: ATTACKS[name], name, dir, seed, clients, rate, durationMs });
        if (!isHeld(report)) lost++;
        print(lineOf(rowOf(name, report)));
      } catch (error) {
        lost++;
        log.error("Cannot try an attack to its end", { name, reason: messageOf(error) });
      }
    }
    return lost > 0 ? 1 : 0;
  }, { startsPrograms: true });
}
