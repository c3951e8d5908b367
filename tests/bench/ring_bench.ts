/**
 * How fast a ring of real servers on this machine is: `deno task ring-bench`.
 *
 * @module
 */

import {
  count,
  duration,
  flag,
  type OptionTable,
  type OptionValues,
  parseOptions,
  type Program,
  UsageError,
} from "../../common/options.ts";
import { compareRoutes } from "./ring_bench/forwarding.ts";
import { grow } from "./ring_bench/growth.ts";

/** The option table. */
export const RING_BENCH_OPTIONS = {
  servers: { kind: count, default: "3", help: "forward: servers; join: how many there are in the end" },
  clusters: { kind: count, default: "120", help: "Clusters that push" },
  duration: { kind: duration, default: "5s", help: "forward: how long each route is tried at a time" },
  series: { kind: count, default: "100", help: "join: series of each cluster; forward pushes 521, as clusters do" },
  connections: { kind: count, default: "16", help: "forward: pushes under way at a time" },
  atOnce: { kind: flag, help: "join: all join at the same time in place of one after the other" },
} as const satisfies OptionTable;

/** What the command line says. */
export type RingBenchOptions = OptionValues<typeof RING_BENCH_OPTIONS>;

/** The program as `--help` shows it. */
export const RING_BENCH: Program<typeof RING_BENCH_OPTIONS> = {
  name: "ring-bench",
  summary: "Measures pushes through owners and through others, or what it takes to join.",
  arguments: { MODE: "forward or join" },
  options: RING_BENCH_OPTIONS,
};

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const parsed = parseOptions(RING_BENCH, args);
    if ("help" in parsed) {
      say(parsed.help);
      return 0;
    }
    const [mode] = parsed.arguments, { values } = parsed;
    if (mode === "forward") await compareRoutes(values, say);
    else if (mode === "join") await grow(values, say);
    else throw new UsageError("Choose: forward or join");
    return 0;
  } catch (error) {
    say((error as Error).message);
    return error instanceof UsageError ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
