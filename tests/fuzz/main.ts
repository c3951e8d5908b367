/**
 * The fuzzer: `deno task fuzz` sends mutated pushes to the stages of a push, in a process of its own, and checks after each
 * that nothing has come of it that must not. What it finds is saved, and makes it exit with 1.
 *
 * @module
 */

import { join } from "node:path";
import { formatDuration } from "../../common/duration.ts";
import { messageOf } from "../../common/explain.ts";
import { run } from "../../common/lifecycle.ts";
import type { Logger } from "../../common/log.ts";
import { onNamedPath } from "../../common/named_path.ts";
import {
  count,
  directory,
  duration,
  file,
  LOG_OPTIONS,
  type OptionTable,
  type OptionValues,
  type Program,
  UsageError,
} from "../../common/options.ts";
import { Child } from "../../scripts/process/child.ts";
import { Checker } from "./check.ts";
import { readInput } from "./push_input.ts";
import { Target } from "./target.ts";
import type { Report } from "./worker.ts";

/** The option table. */
export const FUZZ_OPTIONS = {
  seed: { kind: count, help: "What all inputs follow from, with the corpus; without one, a new one each time" },
  duration: { kind: duration, default: "2m", help: "Stop after this long" },
  inputs: { kind: count, default: "0", help: "Stop after so many inputs; 0 for any number" },
  corpus: { kind: directory, default: "fuzz-corpus/", help: "Where inputs worth keeping are kept, and what was found" },
  replay: { kind: file, help: "An input to send, and nothing else" },
  limitMemory: {
    kind: count,
    default: "1073741824",
    help: "Most memory that the worker may take, the fuzzer's own share included, in bytes",
  },
  ...LOG_OPTIONS,
} as const satisfies OptionTable;

/** The program as `--help` shows it. */
export const FUZZ: Program<typeof FUZZ_OPTIONS> = {
  name: "fuzz",
  summary: "Sends mutated pushes to the stages of a push, and checks that nothing comes of them that must not.",
  options: FUZZ_OPTIONS,
};

/** What the command line says. */
export type Values = OptionValues<typeof FUZZ_OPTIONS>;

/** An input that takes longer than this, checks included, has hung the worker. */
const HUNG_MS = 30_000;
const POLL_MS = 100;
/** How often the state of things is told, in milliseconds. */
const TELL_MS = 10_000;

/** Runs a campaign in a child, and returns what there is to say of it and how many kinds of findings there were. */
export async function fuzz(
  { seed, duration, inputs, corpus, limitMemory }: Pick<Values, "duration" | "inputs" | "corpus" | "limitMemory"> & {
    seed: number;
  },
  { log, signal }: { log: Logger; signal: AbortSignal },
): Promise<{ summary: string; findings: number }> {
  const current = join(corpus, `current-${seed}`);
  await onNamedPath(`Bad --corpus: Cannot write into '${corpus}'`, () => mustBeWritable(corpus));
  await using child = new Child({
    name: "fuzz worker",
    path: Deno.execPath(),
    args: [
      ...["run", "--unstable-kv", "--allow-read", `--allow-write=${corpus}`, "--ignore-env"],
      ...[new URL("worker.ts", import.meta.url).pathname, String(seed), corpus, String(inputs), current],
    ],
  });
  const startedMs = performance.now();
  let latest: Report = {
    tally: { inputs: 0, statuses: {}, agreed: 0, unread: 0, findings: {} },
    corpus: 0,
    peakBytes: 0,
  };
  let heardMs = startedMs, toldMs = startedMs, lines = 0;
  const more: Record<string, number> = {};
  while (!child.gone && !signal.aborted && performance.now() - startedMs < duration) {
    await exitOrPoll(child);
    const nowMs = performance.now();
    const line = child.lines.findLast((line) => line.startsWith("{"));
    if (line !== undefined && child.lines.length !== lines) {
      latest = JSON.parse(line);
      lines = child.lines.length;
      heardMs = nowMs;
    }
    if (latest.peakBytes > limitMemory) more["the worker takes too much memory"] = 1;
    if (nowMs - heardMs > HUNG_MS) more["an input hangs the worker"] = 1;
    if (Object.keys(more).length > 0) {
      await child.kill();
      break;
    }
    if (nowMs - toldMs < TELL_MS) continue;
    toldMs = nowMs;
    log.info("Fuzzing", {
      inputs: latest.tally.inputs,
      corpus: latest.corpus,
      findings: JSON.stringify(latest.tally.findings),
    });
  }
  if (!child.gone) await child.stop();
  const { code } = await child.exited;
  if (code !== 0 && Object.keys(more).length === 0) more["an input ends the worker"] = 1;
  latest = JSON.parse(child.lines.findLast((line) => line.startsWith("{")) ?? JSON.stringify(latest));
  const findings = { ...latest.tally.findings, ...more };
  if (Object.keys(more).length > 0) {
    log.error("An input ended the worker", { input: current, code, last: child.tail(20) });
  } else await Deno.remove(current).catch(() => {});
  return {
    summary: summaryOf(latest, { seed, elapsedMs: performance.now() - startedMs, findings }),
    findings: Object.keys(findings).length,
  };
}

async function mustBeWritable(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.remove(await Deno.makeTempFile({ dir: folder }));
}

/** Resolves when it is time to look again. */
async function exitOrPoll(child: Child): Promise<void> {
  const poll = Promise.withResolvers<void>();
  const timer = setTimeout(poll.resolve, POLL_MS);
  await Promise.race([child.exited, poll.promise]);
  clearTimeout(timer);
}

function summaryOf(
  { tally, corpus, peakBytes }: Report,
  { seed, elapsedMs, findings }: { seed: number; elapsedMs: number; findings: Record<string, number> },
): string {
  const { inputs, statuses, agreed, unread } = tally;
  const found = Object.entries(findings).map(([what, count]) => `${what} (${count})`);
  return [
    `fuzz: seed ${seed}, ${inputs} inputs in ${formatDuration(Math.round(elapsedMs / 1_000) * 1_000)}`,
    `${Math.round(1_000 * inputs / elapsedMs)}/s`,
    `statuses ${Object.entries(statuses).map(([status, count]) => `${status}: ${count}`).join(" ")}`,
    `read the same by an independent decoder: ${agreed} (not asked: ${unread})`,
    `corpus ${corpus}`,
    `peak ${Math.round(peakBytes / 1e6)} MB`,
    `findings: ${found.length === 0 ? "none" : found.join(", ")}`,
  ].join("; ") + "\n";
}

/** Sends one saved input, and tells what came of it. */
async function replay(path: string): Promise<{ summary: string; findings: number }> {
  let input;
  try {
    input = readInput(await Deno.readFile(path));
  } catch (cause) {
    throw new UsageError(`Bad --replay '${path}': ${messageOf(cause)}`, { cause });
  }
  const { outcome, finding } = await (await Checker.create(await Target.create(input.target))).check(input);
  const summary = JSON.stringify({ outcome, finding: finding ?? "none" }, undefined, 2) + "\n";
  return { summary, findings: finding === undefined ? 0 : 1 };
}

if (import.meta.main) {
  await run(FUZZ, async ({ values, log, signal, print }) => {
    const { seed = crypto.getRandomValues(new Uint32Array(1))[0], replay: path } = values;
    const { summary, findings } =
      await (path === undefined ? fuzz({ ...values, seed }, { log, signal }) : replay(path));
    print(summary);
    return findings > 0 ? 1 : 0;
  }, { startsPrograms: true });
}
