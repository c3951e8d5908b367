/**
 * A logger that keeps what it is told, for tests that look for a warning or wait for a line.
 *
 * @module
 */

import { configureSync, getLogger, type Logger, type LogRecord } from "@logtape/logtape";
import { Mailbox } from "./mailbox.ts";

/** One line of a log. */
export interface Line {
  /** The severity. */
  readonly level: string;
  /** The constant sentence. */
  readonly sentence: string;
  /** The fields beside it. */
  readonly fields: Record<string, unknown>;
}

/** Opens a logger. The library knows one configuration at a time, so that the last logger opened is the one that works. */
export function openTestLog(): { log: Logger; lines: Mailbox<Line> } {
  const lines = new Mailbox<Line>();
  const sink = ({ level, rawMessage, properties }: LogRecord) =>
    lines.put({ level, sentence: String(rawMessage), fields: properties });
  configureSync({
    reset: true,
    sinks: { sink },
    loggers: [
      { category: "test", lowestLevel: "debug", sinks: ["sink"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["sink"] },
    ],
  });
  return { log: getLogger("test"), lines };
}
