/**
 * What goes between machines unencrypted: told, or refused with `--require-tls`.
 *
 * @module
 */

import type { Logger } from "./log.ts";
import { flag } from "./option_kinds.ts";
import { type OptionRow, UsageError } from "./options.ts";

/** Something that goes between machines unencrypted. */
export interface PlainWay {
  /** The option, or the variable of the environment, that has it so. */
  readonly option: string;
  /** Where it goes or comes, without secrets. */
  readonly place: string;
  /** What goes there, such as `the token`. */
  readonly what: string;
  /** What to do instead. */
  readonly mend: string;
  /**
   * How severe that is. What is worth an info, as it is meant for a network of one's own, may stay where TLS is required.
   *
   * @default {"warn"}
   */
  readonly level?: "info" | "warn";
}

/** The switch, the same of every program that has it. */
export const REQUIRE_TLS = {
  kind: flag,
  help: "Do not start where a token, a password or a push would go between machines unencrypted, or with a short salt",
  since: "0.1.0",
  why: "Set it in production: what is otherwise a warning in the log, which nobody may read, stops the start",
} as const satisfies OptionRow<boolean>;

/**
 * Tells of each way.
 *
 * @throws {UsageError} at the first that is worth a warning, if TLS is required.
 */
export function tellPlainWays(
  ways: Iterable<PlainWay>,
  { requireTls, log }: { requireTls: boolean; log: Logger },
): void {
  for (const { option, place, what, mend, level = "warn" } of ways) {
    if (requireTls && level === "warn") {
      throw new UsageError(
        `Cannot use ${option} ${place} with --require-tls, as ${what} would go between machines unencrypted: ${mend}`,
      );
    }
    log[level]("Goes between machines unencrypted, so that others on the way can read and change it", {
      what,
      option,
      place,
      mend,
    });
  }
}
