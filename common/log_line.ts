/**
 * A record of a log as one line: logfmt, or a JSON object. Control characters are escaped in both, since fields may hold what
 * strangers wrote; milliseconds (`…Ms`) are whole in both.
 *
 * @module
 */

import { wholeMs } from "./duration.ts";

/** A record. */
export interface LogRecord {
  /** When, in milliseconds since the epoch. */
  readonly timeMs: number;
  /** How severe. */
  readonly level: "debug" | "info" | "warn" | "error";
  /** What logs. */
  readonly logger: string;
  /** A constant sentence. */
  readonly sentence: string;
  /** What goes beside it. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What a terminal takes for a command, though it is no control character of ASCII, which JSON leaves alone. */
const TERMINAL_CONTROLS = /[\x7f-\x9f]/g;

/** What has no place in a key of logfmt. */
const BAD_IN_KEY = /[\0- \x7f-\x9f\ufffd="%]/g;

/** What a value of logfmt has to stand in quotes for. */
const WANTS_QUOTES = /^$|[\0- \x7f-\x9f\ufffd="\\]/;

/** What has to be escaped between quotes. */
// deno-lint-ignore no-control-regex
const BAD_IN_QUOTES = /[\0-\x1f\x7f-\x9f"\\]/g;

const ESCAPES: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\" };

/** Texts that would be taken for something else without quotes. */
const WORDS: ReadonlySet<string> = new Set(["null", "undefined", "true", "false"]);

/** Writes `time=… level=info logger=… msg="…" key=value`, without the end of the line. */
export function formatLogfmt({ timeMs, level, logger, sentence, fields }: LogRecord): string {
  let line = `time=${new Date(timeMs).toISOString()} level=${levelOf(level)} logger=${logfmtValue(logger)} msg=${
    logfmtValue(sentence)
  }`;
  for (const [key, value] of Object.entries(fields)) {
    if (key !== "") line += ` ${key.replace(BAD_IN_KEY, percentEncoded)}=${logfmtValue(wholeMs(key, value))}`;
  }
  return line;
}

/** Writes an object with `@timestamp`, `level`, `message`, `logger` and the fields, without the end of the line. */
export function formatJson({ timeMs, level, logger, sentence, fields }: LogRecord): string {
  const record = {
    "@timestamp": new Date(timeMs).toISOString(),
    level: level.toUpperCase(),
    message: sentence,
    logger,
    ...fields,
  };
  return JSON.stringify(record, toPlain).replace(TERMINAL_CONTROLS, unicodeEscaped);
}

/** Text lines have the word that they had before there was a choice of formats. */
function levelOf(level: LogRecord["level"]): string {
  return level === "warn" ? "warning" : level;
}

function logfmtValue(value: unknown): string {
  const isText = typeof value === "string";
  const text = isText ? value : typeof value === "object" && value !== null ? textOf(value) : String(value);
  if (!WANTS_QUOTES.test(text) && !(isText && WORDS.has(text))) return text;
  return `"${text.replace(BAD_IN_QUOTES, (character) => ESCAPES[character] ?? unicodeEscaped(character))}"`;
}

/** An object as JSON; one that JSON has as a text, such as a URL, as that text. */
function textOf(value: object): string {
  const json = JSON.stringify(value, toPlain);
  return json.startsWith('"') ? JSON.parse(json) : json;
}

/** What JSON knows nothing of, and what nobody reads. */
function toPlain(key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return value instanceof Error
    ? { name: value.name, message: value.message, stack: value.stack }
    : wholeMs(key, value);
}

function unicodeEscaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function percentEncoded(character: string): string {
  return Array.from(
    new TextEncoder().encode(character),
    (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
  )
    .join("");
}
