/**
 * What the programs have in common that start all of Telemeter on this machine.
 *
 * @module
 */

import { messageOf } from "../../common/explain.ts";
import { FailedError, type Launch, run } from "../../common/lifecycle.ts";
import { type OptionTable, type Program, UsageError } from "../../common/options.ts";

/** What such a program works with. */
export interface Surroundings {
  /** Aborted when the program is asked to stop. */
  readonly signal: AbortSignal;
  /** Tells the user a line. */
  readonly say: (line: string) => void;
}

/** How many servers there are: the client pushes to the first, whichever of them owns its series. */
export const SERVERS = 2;

/** Runs such a program, which resolves to its exit code. */
export function runTrial<Options extends OptionTable>(
  program: Program<Options>,
  work: (surroundings: Surroundings, launch: Launch<Options>) => Promise<number>,
): Promise<never> {
  return run(program, async (launch) => {
    const { signal, print } = launch;
    try {
      return await work({ signal, say: (line) => print(`${line}\n`) }, launch);
    } catch (cause) {
      signal.throwIfAborted();
      // What goes wrong here goes wrong in one of the programs, whose lines say more than our stack.
      throw cause instanceof UsageError ? cause : new FailedError(messageOf(cause), { cause });
    }
  }, { startsPrograms: true });
}
