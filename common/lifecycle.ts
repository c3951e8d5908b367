/**
 * The life of a program: read the command line, start, give up permissions, wait for a signal or the end of the work, close
 * in order, exit.
 *
 * ```
 *   command line ─▸ start ─┬─▸ an exit code ──────────────────────────────────────▸ exit
 *                          └─▸ Running ─▸ a signal, or done ─▸ dispose, in order ─▸ exit
 * ```
 *
 * Exit codes: 0 after `--help`, an orderly stop or work that succeeded; 2 for bad usage (one sentence on standard error);
 * 128 and the number of the signal for work that a signal cut short; 1 for any other failure.
 *
 * @module
 */

// Only who sets up a shell needs it.
import defer * as completion from "./completion.ts";
import { Configuration, type OptionOrigin } from "./configuration.ts";
import { stackOf } from "./explain.ts";
import { type Logger, type LogSettings, openLog } from "./log.ts";
import { type LOG_OPTIONS, type OptionTable, type OptionValues, type Program, UsageError } from "./options.ts";
import { keepPermissions, type Permission } from "./permissions.ts";
import { LOOK_INTERVAL_MS, SecretGuard } from "./secret_guard.ts";

/** What a program gets to start with. */
export interface Launch<Table extends OptionTable> {
  /** The options of the command line, and of the configuration file that it names. */
  readonly values: OptionValues<Table>;
  /** Where the value of an option is said that is in force. */
  readonly originOf: (name: string) => OptionOrigin;
  /**
   * Reads the configuration file again. What needs a restart keeps its value, and the log says so.
   *
   * @throws {UsageError} if something is wrong with it; then all stays as it is.
   */
  readonly reread: () => Promise<OptionValues<Table>>;
  /** The arguments behind the options. */
  readonly arguments: readonly string[];
  /** The program's logger. */
  readonly log: Logger;
  /** Aborted, with a reason that {@linkcode run} knows again, when the program is asked to stop. */
  readonly signal: AbortSignal;
  /** Looks again, now, whether others can read or replace the files that the options name. */
  readonly checkFiles: () => Promise<void>;
  /** Writes a text, whole, to standard output. */
  readonly print: (text: string) => void;
}

/** A program that runs from here on: disposing of it stops intake, drains and releases. */
export interface Running extends AsyncDisposable {
  /** The permissions that it needs from here on, out of those that it was started with. @default none */
  readonly keeps?: readonly Permission[];
  /**
   * Resolves when the program has done all that it was started for, and rejects when it cannot go on.
   *
   * @default a promise that is never settled: the program runs until it is asked to stop
   */
  readonly done?: Promise<void>;
  /**
   * Takes up what has changed in files, at SIGHUP; never rejects.
   *
   * @default SIGHUP ends the program unless {@linkcode RunOptions.reloads}
   */
  readonly reload?: () => Promise<void>;
}

/** How {@linkcode run} treats a program. */
export interface RunOptions {
  /**
   * Whether it starts other programs, which must not outlive it: then it also stops when its terminal closes, and a second
   * signal does not cut short what the first one began.
   *
   * @default {false}
   */
  readonly startsPrograms?: boolean;
  /**
   * Whether it reloads at SIGHUP, which then never ends it, however early it comes.
   *
   * @default {false}
   */
  readonly reloads?: boolean;
}

/** A failure whose message says all that there is to say: it is shown without a stack, and the exit code is 1. */
export class FailedError extends Error {
  /** Stable, for {@linkcode run}. */
  readonly code = "failed";
  /** The name that stack traces show. */
  override readonly name = "FailedError";
}

/** How long an orderly stop may take before the process exits all the same, in milliseconds. */
const STOP_DEADLINE_MS = 30_000;

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** The reason of a program's signal once it is asked to stop. */
class StoppedError extends Error {
  readonly exitCode: number;

  constructor(signal: keyof typeof SIGNAL_NUMBERS) {
    super(`Stopped by ${signal}`);
    this.exitCode = 128 + SIGNAL_NUMBERS[signal];
  }
}

/**
 * Runs a program and exits the process. `start` resolves to what runs until SIGTERM or SIGINT (a second one exits at once) or
 * until it is done; or it does the work itself and resolves to the exit code, or to nothing for 0. It throws
 * {@linkcode UsageError} for anything the user must mend on the command line or in a file.
 *
 * The logger follows {@linkcode LOG_OPTIONS} where the program's table includes them.
 */
export async function run<Table extends OptionTable>(
  program: Program<Table>,
  start: (launch: Launch<Table>) => Promise<Running | number | void>,
  { startsPrograms = false, reloads = false }: RunOptions = {},
): Promise<never> {
  const stop = new AbortController();
  const hangUps = reloads ? new HangUps() : undefined;
  try {
    if (program.completes && Deno.args[0] === "completion") {
      print(completion.completionScript(program, Deno.args.slice(1)));
      Deno.exit(0);
    }
    const configuration = await Configuration.read(program, Deno.args);
    if ("help" in configuration) {
      print(configuration.help);
      Deno.exit(0);
    }
    const { values, arguments: rest } = configuration;
    const log = openLog(program.name, logSettings(values));
    if (configuration.repeated.length > 0) {
      log.warn("Takes the last value of a flag that is given more than once: leave the others out", {
        options: configuration.repeated.join(","),
      });
    }
    const originOf = (name: string) => configuration.originOf(name);
    const isInFile = (name: string) => originOf(name) === "file";
    const guard = new SecretGuard({ options: program.options, values, isInFile, log });
    const checkFiles = () => guard.check();
    const reread = async () => {
      const changed = await configuration.reread({ log });
      guard.follow(changed);
      return changed;
    };
    guard.warnOfArguments();
    await guard.check();
    const asked = stopOnSignals(stop, { startsPrograms });
    const { signal } = stop;
    const started = await start({ values, originOf, arguments: rest, log, signal, checkFiles, reread, print });
    if (typeof started === "object") {
      if (started.reload !== undefined) hangUps?.follow(started.reload);
      await runOn(started, { asked, guard, log });
    }
    Deno.exit(typeof started === "number" ? started : 0);
  } catch (error) {
    const { sentence, exitCode } = endOf(error, stop.signal);
    writeWhole(Deno.stderr, `${program.name}: ${sentence}\n`);
    Deno.exit(exitCode);
  }
}

/** SIGHUP from the first moment on: one that comes before there is something to reload is not lost. */
class HangUps {
  #came = false;
  #reload: (() => Promise<void>) | undefined;

  constructor() {
    Deno.addSignalListener("SIGHUP", () => {
      this.#came = true;
      void this.#reload?.();
    });
  }

  /** Calls the function at each one from now on, and at once if one came before. */
  follow(reload: () => Promise<void>): void {
    this.#reload = reload;
    if (this.#came) void reload();
  }
}

/** Aborts the controller at the first signal, and resolves to its name. */
function stopOnSignals(
  stop: AbortController,
  { startsPrograms }: { startsPrograms: boolean },
): Promise<Deno.Signal> {
  const { promise, resolve } = Promise.withResolvers<Deno.Signal>();
  const onSignal = (signal: keyof typeof SIGNAL_NUMBERS) => {
    if (stop.signal.aborted) {
      if (!startsPrograms) Deno.exit(1);
      return;
    }
    stop.abort(new StoppedError(signal));
    resolve(signal);
  };
  const signals = ["SIGTERM", "SIGINT", ...startsPrograms ? ["SIGHUP"] as const : []] as const;
  for (const signal of signals) Deno.addSignalListener(signal, () => onSignal(signal));
  return promise;
}

/** Waits for the end of a program that runs, and stops it in order. */
async function runOn(
  running: Running,
  { asked, guard, log }: { asked: Promise<Deno.Signal>; guard: SecretGuard; log: Logger },
): Promise<void> {
  const { keeps = [], done } = running;
  keepPermissions(keeps);
  // Files that are read again may have been replaced by some that others can read.
  if (guard.hasFiles && keeps.includes("read")) Deno.unrefTimer(setInterval(() => guard.check(), LOOK_INTERVAL_MS));
  log.debug("Gave up the permissions that are no longer needed", { kept: keeps.join(",") || "none" });
  const because = await Promise.race([asked, done?.then(() => "done") ?? asked]);
  log.info("Stopping", { because });
  const overdue = setTimeout(() => {
    log.error("Did not stop in time: exits with work in flight", { deadlineMs: STOP_DEADLINE_MS });
    Deno.exit(1);
  }, STOP_DEADLINE_MS);
  await running[Symbol.asyncDispose]();
  clearTimeout(overdue);
  log.info("Stopped", {});
}

function logSettings(values: Partial<OptionValues<typeof LOG_OPTIONS>>): LogSettings {
  const { logFormat = "text", logLevel = "info", logLimit = 0, verbose = false } = values;
  return { format: logFormat, level: verbose ? "debug" : logLevel, linesPerSecond: logLimit };
}

function endOf(error: unknown, { reason }: AbortSignal): { sentence: string; exitCode: number } {
  if (reason instanceof StoppedError && stemsFrom(error, reason)) {
    return { sentence: reason.message, exitCode: reason.exitCode };
  }
  if (error instanceof UsageError) return { sentence: error.message, exitCode: 2 };
  if (error instanceof FailedError) return { sentence: error.message, exitCode: 1 };
  return { sentence: stackOf(error), exitCode: 1 };
}

function stemsFrom(error: unknown, origin: Error): boolean {
  return error === origin || (error instanceof Error && stemsFrom(error.cause, origin));
}

function print(text: string): void {
  writeWhole(Deno.stdout, text);
}

function writeWhole(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  for (let rest = new TextEncoder().encode(text); rest.length > 0;) rest = rest.subarray(stream.writeSync(rest));
}
