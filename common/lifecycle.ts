/**
 * The life of a program: read the command line, start, give up permissions, wait for a signal, close in order, exit.
 *
 * Exit codes: 0 after `--help` or an orderly stop, 2 for bad usage (one sentence on standard error), 1 for any other failure.
 *
 * @module
 */

import {
  type LOG_OPTIONS,
  type OptionTable,
  type OptionValues,
  parseOptions,
  type Program,
  UsageError,
} from "./options.ts";
import { type Logger, openLog } from "./log.ts";
import { keepPermissions, type Permission } from "./permissions.ts";

/** What a program gets to start with. */
export interface Launch<Table extends OptionTable> {
  /** The options of the command line. */
  readonly values: OptionValues<Table>;
  /** The arguments behind the options. */
  readonly arguments: readonly string[];
  /** The program's logger. */
  readonly log: Logger;
  /** Aborted when the program is asked to stop. */
  readonly signal: AbortSignal;
}

/** A started program: disposing of it stops intake, drains and releases. */
export interface Running extends AsyncDisposable {
  /** The permissions that it needs from here on, out of those that it was started with. @default none */
  readonly keeps?: readonly Permission[];
  /** Rejects if the program cannot go on. */
  readonly failed?: Promise<never>;
  /** Resolves when it has done all that it was started for, which stops it as a signal does. */
  readonly finished?: Promise<void>;
}

/** How long an orderly stop may take before the process exits all the same, in milliseconds. */
export const STOP_DEADLINE_MS = 30_000;

/**
 * Runs a program, whose table includes {@linkcode LOG_OPTIONS}, until SIGTERM or SIGINT (a second one exits at once), and exits the process.
 *
 * `start` throws {@linkcode UsageError} for anything the user must mend on the command line or in a file.
 */
export async function run<Table extends OptionTable & typeof LOG_OPTIONS>(
  program: Program<Table>,
  start: (launch: Launch<Table>) => Promise<Running>,
): Promise<never> {
  try {
    const parsed = parseOptions(program, Deno.args);
    if ("help" in parsed) {
      await Deno.stdout.write(new TextEncoder().encode(parsed.help));
      Deno.exit(0);
    }
    const { logFormat, logLevel, verbose } = parsed.values as OptionValues<typeof LOG_OPTIONS>;
    const log = await openLog(program.name, { format: logFormat, level: verbose ? "debug" : logLevel });
    const stop = new AbortController();
    const asked = new Promise<Deno.Signal>((resolve) => {
      const onSignal = (signal: Deno.Signal) => {
        if (stop.signal.aborted) Deno.exit(1);
        stop.abort();
        resolve(signal);
      };
      for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, () => onSignal(signal));
    });
    const running = await start({ ...parsed, log, signal: stop.signal });
    keepPermissions(running.keeps ?? []);
    log.debug("Gave up the permissions that it needs no more", { kept: running.keeps?.join(",") || "none" });
    const finished = running.finished?.then(() => "finished") ?? asked;
    const signal = await Promise.race([asked, running.failed ?? asked, finished]);
    log.info("Stops in an orderly way", { signal });
    const overdue = setTimeout(() => {
      log.error("Did not stop in time and exits with work in flight", { deadlineMs: STOP_DEADLINE_MS });
      Deno.exit(1);
    }, STOP_DEADLINE_MS);
    await running[Symbol.asyncDispose]();
    clearTimeout(overdue);
    log.info("Stopped", {});
    Deno.exit(0);
  } catch (error) {
    const usage = error instanceof UsageError;
    const sentence = error instanceof Error ? (usage ? error.message : error.stack ?? error.message) : String(error);
    Deno.stderr.writeSync(new TextEncoder().encode(`${program.name}: ${sentence}\n`));
    Deno.exit(usage ? 2 : 1);
  }
}
