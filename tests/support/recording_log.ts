/**
 * A logger that keeps its records for the test to look at.
 *
 * @module
 */

import type { Logger } from "../../common/log.ts";

/** One record. */
export interface LogRecord {
  readonly level: string;
  readonly sentence: string;
  readonly fields: Record<string, unknown>;
}

/** A logger, of which only the five methods work that the project uses, and its records. */
export function recordingLog(): { log: Logger; records: LogRecord[] } {
  const records: LogRecord[] = [];
  const at = (level: string) => (sentence: string, fields: Record<string, unknown> = {}) => {
    records.push({ level, sentence, fields });
  };
  const log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), fatal: at("fatal") };
  return { log: log as unknown as Logger, records };
}
