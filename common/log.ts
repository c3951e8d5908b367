/**
 * Structured logs: one line a record on standard error, logfmt or JSON, each a constant sentence plus fields.
 *
 * @module
 */

import { configure, getJsonLinesFormatter, getLogfmtFormatter, getLogger } from "@logtape/logtape";

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
}

/** The formats of `--log-format`. */
export const LOG_FORMATS: readonly LogFormat[] = ["text", "json"];

/** The levels of `--log-level`. */
export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

const encoder = new TextEncoder();

/**
 * Sends the process's logs to standard error and returns the program's logger. Fields go beside the sentence
 * (`log.info("Stored the push", { cluster, series })`); control characters in them are escaped by both formats.
 */
export async function openLog(program: string, { format, level }: LogSettings): Promise<Logger> {
  const formatter = format === "json" ? getJsonLinesFormatter({ properties: "flatten" }) : getLogfmtFormatter();
  await configure({
    reset: true,
    sinks: { stderr: (record) => void Deno.stderr.writeSync(encoder.encode(formatter(record))) },
    loggers: [
      { category: program, lowestLevel: level === "warn" ? "warning" : level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["stderr"] },
    ],
  });
  return getLogger(program);
}
