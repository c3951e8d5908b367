/**
 * Structured logs: one line a record on standard error, logfmt or JSON, each a constant sentence plus fields.
 *
 * @module
 */

import { LineLimit } from "./line_limit.ts";
import { formatJson, formatLogfmt, type LogRecord } from "./log_line.ts";

/** Takes records: a constant sentence each, and fields beside it. Their level says who must act. */
export interface Logger {
  /** What only one who looks for a fault reads. */
  debug(sentence: string, fields?: Record<string, unknown>): void;
  /** What an operator may want to know. */
  info(sentence: string, fields?: Record<string, unknown>): void;
  /** What an operator should look into. */
  warn(sentence: string, fields?: Record<string, unknown>): void;
  /** What does not work and needs someone now. */
  error(sentence: string, fields?: Record<string, unknown>): void;
}

/** How a record is written: logfmt text, or one JSON object a line. */
export type LogFormat = "text" | "json";

/** The least severe level that is written. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** How a program logs. */
export interface LogSettings {
  /** How each record is written. */
  readonly format: LogFormat;
  /** The least severe level that is written. */
  readonly level: LogLevel;
  /** Lines a second, of which those of five may come at once; 0 for no limit. */
  readonly linesPerSecond: number;
}

/** The formats of `--log-format`. */
export const LOG_FORMATS: readonly LogFormat[] = ["text", "json"];

/** The levels of `--log-level`. */
export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

const encoder = new TextEncoder();

/**
 * Sends the process's logs to standard error and returns the program's logger. Fields go beside the sentence
 * (`log.info("Stored the push", { cluster, series })`); control characters in them are escaped by both formats. Beyond the
 * limit lines are left out, and the next that is written says how many.
 */
export function openLog(program: string, { format, level, linesPerSecond }: LogSettings): Logger {
  const formatted = format === "json" ? formatJson : formatLogfmt;
  // Apart, so that what needs somebody is not lost in what does not.
  const quiet = new LineLimit(linesPerSecond), urgent = new LineLimit(linesPerSecond);
  const write = (record: LogRecord) => {
    const turn = (record.level === "debug" || record.level === "info" ? quiet : urgent).take();
    if (turn === undefined) return;
    const { leftOut } = turn;
    const fields = leftOut === 0 ? record.fields : { ...record.fields, linesLeftOut: leftOut };
    Deno.stderr.writeSync(encoder.encode(formatted({ ...record, fields }) + "\n"));
  };
  const lowest = LOG_LEVELS.indexOf(level);
  const at = (level: LogLevel) => (sentence: string, fields: Record<string, unknown> = {}) => {
    if (LOG_LEVELS.indexOf(level) >= lowest) write({ timeMs: Date.now(), level, logger: program, sentence, fields });
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
