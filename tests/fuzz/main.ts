/**
 * The fuzzer: `deno task fuzz` sends mutated pushes, requests of remote write, frames of members, tokens, requests for tokens and
 * heads of HTTP to what takes them, in a process of its own, and checks after each that nothing has come of it that must not. What
 * it finds is saved, and makes it exit with 1.
 *
 * @module
 */

import { join } from "node:path";
import { formatDuration } from "../../common/duration.ts";
import { run } from "../../common/lifecycle.ts";
import type { Logger } from "../../common/log.ts";
import { fileFault, onNamedPath } from "../../common/named_path.ts";
import { readRegularFile } from "../../common/regular_file.ts";
import { choice, count, directory, duration, file } from "../../common/option_kinds.ts";
import { LOG_OPTIONS, type OptionTable, type OptionValues, type Program, UsageError } from "../../common/options.ts";
import { Child } from "../../scripts/process/child.ts";
import { readInputFile } from "./input_file.ts";
import type { Tally } from "./lane.ts";
import { isTargetName, openTarget, TARGET_NAMES } from "./targets.ts";
import type { Report, WorkerPlan } from "./worker.ts";

/** The option table. */
export const FUZZ_OPTIONS = {
  target: {
    kind: choice(["all", ...TARGET_NAMES]),
    default: "all",
    help: `What is attacked: all, which share the time, or one of ${TARGET_NAMES.join(", ")}`,
  },
  seed: {
    kind: count,
    help: "What the inputs of each target follow from, with the corpus; without one, a new one each time",
  },
  duration: { kind: duration, default: "2m", help: "Stop after this long" },
  inputs: { kind: count, default: "0", help: "Stop after so many inputs of each target; 0 for any number" },
  corpus: { kind: directory, default: "fuzz-corpus/", help: "Where inputs worth keeping are kept, and what was found" },
  replay: { kind: file, help: "The file of an input to send, and nothing else" },
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
  summary: "Sends mutated input of every kind to what takes it, and checks that nothing comes of it that must not.",
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
  { target, seed, duration, inputs, corpus, limitMemory }:
    & Omit<Values, "seed" | "replay" | keyof typeof LOG_OPTIONS>
    & {
      seed: number;
    },
  { log, signal }: { log: Logger; signal: AbortSignal },
): Promise<{ summary: string; findings: number }> {
  const current = join(corpus, `current-${seed}`);
  const targets = TARGET_NAMES.filter((name) => target === "all" || target === name);
  const plan: WorkerPlan = { seed, targets, dir: corpus, inputs, current };
  await onNamedPath(`Bad --corpus: Cannot write into '${corpus}'`, () => mustBeWritable(corpus));
  await using child = new Child({
    name: "fuzz worker",
    path: Deno.execPath(),
    args: [
      ...["run", "--unstable-kv", "--allow-net=127.0.0.1", "--allow-read", `--allow-write=${corpus}`, "--ignore-env"],
      ...[new URL("worker.ts", import.meta.url).pathname, JSON.stringify(plan)],
    ],
  });
  const startedMs = performance.now();
  let latest: Report = { tallies: {}, corpus: 0, peakBytes: 0, residentBytes: 0 }, first = latest;
  let heardMs = startedMs, toldMs = startedMs, lines = 0;
  const more: Record<string, number> = {};
  while (!child.gone && !signal.aborted && performance.now() - startedMs < duration) {
    await exitOrPoll(child);
    const nowMs = performance.now();
    const line = child.lines.findLast((line) => line.startsWith("{"));
    if (line !== undefined && child.lines.length !== lines) {
      latest = JSON.parse(line);
      if (first.residentBytes === 0) first = latest;
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
      inputs: sumOf(latest, ({ inputs }) => inputs),
      corpus: latest.corpus,
      residentBytes: latest.residentBytes,
      findings: JSON.stringify(findingsOf(latest)),
    });
  }
  if (!child.gone) await child.stop();
  const { code } = await child.exited;
  if (code !== 0 && Object.keys(more).length === 0) more["an input ends the worker"] = 1;
  latest = JSON.parse(child.lines.findLast((line) => line.startsWith("{")) ?? JSON.stringify(latest));
  const findings = { ...findingsOf(latest), ...more };
  if (Object.keys(more).length > 0) {
    log.error("An input ended the worker", { input: current, code, last: child.tail(20) });
  } else await Deno.remove(current).catch(() => {});
  return {
    summary: summaryOf(latest, { seed, first, elapsedMs: performance.now() - startedMs, findings }),
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

function sumOf({ tallies }: Report, of: (tally: Tally) => number): number {
  return Object.values(tallies).map(of).reduce((a, b) => a + b, 0);
}

function findingsOf({ tallies }: Report): Record<string, number> {
  return Object.fromEntries(
    Object.entries(tallies).flatMap(([name, { findings }]) =>
      Object.entries(findings).map(([what, count]) => [`${name}: ${what}`, count])
    ),
  );
}

function summaryOf(
  report: Report,
  { seed, first, elapsedMs, findings }: {
    seed: number;
    first: Report;
    elapsedMs: number;
    findings: Record<string, number>;
  },
): string {
  const { tallies, corpus, peakBytes, residentBytes } = report, inputs = sumOf(report, ({ inputs }) => inputs);
  const listed = (counts: Record<string, number>) => Object.entries(counts).map((pair) => pair.join(": ")).join(" ");
  const mb = (bytes: number) => Math.round(bytes / 1e6);
  const found = Object.entries(findings).map(([what, count]) => `${what} (${count})`);
  return [
    `fuzz: seed ${seed}, ${inputs} inputs in ${formatDuration(Math.round(elapsedMs / 1_000) * 1_000)}, ` +
    `${Math.round(1_000 * inputs / elapsedMs)}/s`,
    ...Object.entries(tallies).map(([name, { inputs, answers, agreed }]) =>
      `${name}: ${inputs} inputs, the same by a second reading: ${agreed}; answers ${listed(answers)}`
    ),
    `corpus ${corpus}; memory ${mb(first.residentBytes)} MB at the start, ${mb(residentBytes)} MB at the end, ` +
    `${mb(peakBytes)} MB at most`,
    `findings: ${found.length === 0 ? "none" : found.join(", ")}`,
  ].join("\n") + "\n";
}

/** Sends one saved input, and tells what came of it. */
async function replay(path: string): Promise<{ summary: string; findings: number }> {
  try {
    const { target: name, bytes } = readInputFile(await readRegularFile(path));
    if (!isTargetName(name)) throw new SyntaxError("it is no input of the fuzzer: name one that it saved, NAME.input");
    await using stack = new AsyncDisposableStack();
    const target = await openTarget(name);
    stack.defer(() => target[Symbol.asyncDispose]?.());
    const { answer, feature, finding = "none", agrees, told } = await target.check(target.read(bytes));
    const summary = JSON.stringify({ target: name, answer, feature, agrees, told, finding }, undefined, 2) + "\n";
    return { summary, findings: finding === "none" ? 0 : 1 };
  } catch (cause) {
    throw new UsageError(`Bad --replay '${path}': ${fileFault(cause)}`, { cause });
  }
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
