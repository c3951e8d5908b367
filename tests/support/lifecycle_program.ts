/**
 * A program for the tests of `run()`: its argument says how it goes.
 *
 * @module
 */

import { FailedError, type Launch, run, type Running } from "../../common/lifecycle.ts";
import { LOG_OPTIONS, type Program, UsageError } from "../../common/options.ts";

const PROGRAM: Program<typeof LOG_OPTIONS> = {
  name: "example",
  summary: "Goes as it is told to.",
  arguments: { COURSE: "How it goes" },
  options: LOG_OPTIONS,
};

type Course = (launch: Launch<typeof LOG_OPTIONS>) => Promise<Running | number | void>;

/** Waits for the signal. */
function untilStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}

/** Waits for the signal, and then for SIGUSR2. */
async function untilMore({ signal, print }: Launch<typeof LOG_OPTIONS>): Promise<void> {
  const more = new Promise<void>((resolve) => Deno.addSignalListener("SIGUSR2", resolve));
  print("waiting\n");
  await untilStopped(signal);
  print("once more\n");
  await more;
}

/** Something that runs, and says when it is closed. */
function running({ print }: Pick<Launch<typeof LOG_OPTIONS>, "print">, more: Partial<Running> = {}): Running {
  // It keeps the process alive, as a listener would.
  const timer = setInterval(() => {}, 60_000);
  return {
    ...more,
    [Symbol.asyncDispose]: () => {
      clearInterval(timer);
      print("closed\n");
      return Promise.resolve();
    },
  };
}

const COURSES: Readonly<Record<string, Course>> = {
  succeeds: ({ print }) => Promise.resolve(print("done\n")),
  finds: () => Promise.resolve(1),
  "prints much": ({ print }) => Promise.resolve(print("x".repeat(1_000_000))),
  misused: () => Promise.reject(new UsageError("Cannot do that: do this")),
  fails: () => Promise.reject(new FailedError("Cannot do the work: it is too hard")),
  breaks: () => Promise.reject(new TypeError("a bug")),
  waits: async ({ signal, print }) => {
    print("waiting\n");
    await untilStopped(signal);
    throw new Error("Cannot wait any longer", { cause: signal.reason });
  },
  "waits well": async ({ signal, print }) => {
    print("waiting\n");
    await untilStopped(signal);
    print("waited\n");
  },
  "is stuck": untilMore,
  "waits for more": untilMore,
  runs: (launch) => Promise.resolve(running(launch)),
  "is done": (launch) => Promise.resolve(running(launch, { done: Promise.resolve() })),
  "cannot go on": (launch) => Promise.resolve(running(launch, { done: Promise.reject(new FailedError("It is over")) })),
};

if (import.meta.main) {
  const startsPrograms = Deno.args.includes("waits for more");
  await run(PROGRAM, (launch) => COURSES[launch.arguments[0]](launch), { startsPrograms });
}
