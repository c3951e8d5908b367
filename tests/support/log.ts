/**
 * A logger that keeps what it is told, for tests that look for a warning or wait for a line.
 *
 * @module
 */

import type { Logger } from "../../common/log.ts";
import { Mailbox } from "./mailbox.ts";

/** One line of a log. */
export interface Line {
  /** The severity. */
  readonly level: keyof Logger;
  /** The constant sentence. */
  readonly sentence: string;
  /** The fields beside it. */
  readonly fields: Record<string, unknown>;
}

/** Opens a logger and the mailbox that it writes to. */
export function openTestLog(): { log: Logger; lines: Mailbox<Line> } {
  const lines = new Mailbox<Line>();
  const at = (level: keyof Logger) => (sentence: string, fields: Record<string, unknown> = {}) =>
    lines.put({ level, sentence, fields });
  return { log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }, lines };
}
