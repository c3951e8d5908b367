/**
 * Names of metrics and labels: the classic charset, and how names outside it are written.
 *
 * @module
 */

/** The label that stands for the name of the family: no label of a series may have this name. */
export const METRIC_NAME_LABEL = "__name__";

/** What the names of series start with that servers show of their sources: nobody else may tell of them. */
export const SOURCE_METRIC_PREFIX = "telemeter_source_";

/** What an ASCII character may be part of. */
export const METRIC_START = 1, METRIC = 2, LABEL_START = 4, LABEL = 8, NUMBER = 16;

/** What each ASCII character may be part of, as bits. */
export const CLASSES: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return (/[a-zA-Z_]/.test(character) ? METRIC_START | METRIC | LABEL_START | LABEL : 0) |
    (character === ":" ? METRIC_START | METRIC : 0) |
    (/\d/.test(character) ? METRIC | LABEL | NUMBER : 0) |
    (/[-+.eE]/.test(character) ? NUMBER : 0);
});

/** Whether every reader takes `name` for a metric: `[a-zA-Z_:][a-zA-Z0-9_:]*`. */
export function isClassicMetricName(name: string): boolean {
  return isMadeOf(name, METRIC_START, METRIC);
}

/** Whether every reader takes `name` for a label: `[a-zA-Z_][a-zA-Z0-9_]*`. */
export function isClassicLabelName(name: string): boolean {
  return isMadeOf(name, LABEL_START, LABEL);
}

function isMadeOf(name: string, first: number, further: number): boolean {
  for (let i = 0, wanted = first; i < name.length; i++, wanted = further) {
    const code = name.charCodeAt(i);
    if (code > 127 || (CLASSES[code] & wanted) === 0) return false;
  }
  return name !== "";
}

/**
 * The classic name for the name of a metric: each character that may not stand where it does becomes an underscore, as
 * `EscapeName` of Prometheus with `UnderscoreEscaping` has it. A name that is classic stays.
 */
export function escapeMetricName(name: string): string {
  return escaped(name, METRIC_START, METRIC);
}

/** The same for the name of a label, where a colon is none of the classic characters. */
export function escapeLabelName(name: string): string {
  return escaped(name, LABEL_START, LABEL);
}

function escaped(name: string, first: number, further: number): string {
  let classic = "";
  let wanted = first;
  for (const character of name) {
    const code = character.charCodeAt(0);
    classic += code > 127 || (CLASSES[code] & wanted) === 0 ? "_" : character;
    wanted = further;
  }
  return classic;
}

/** The most bytes that the name of a metric, the name of a label, and its value may have. */
export const MAX_NAME_BYTES = 255;

const utf8 = new TextEncoder();
const scratch = new Uint8Array(MAX_NAME_BYTES + 1);

/** Whether `text` has more than {@linkcode MAX_NAME_BYTES} bytes as UTF-8. */
export function isTooLong(text: string): boolean {
  // A UTF-16 unit takes one to three bytes, so that most texts need not be encoded to know.
  if (text.length > MAX_NAME_BYTES) return true;
  if (3 * text.length <= MAX_NAME_BYTES) return false;
  return utf8.encodeInto(text, scratch).read < text.length || utf8.encode(text).length > MAX_NAME_BYTES;
}

/** Whether `name` may name a metric: any Unicode of 1 to {@linkcode MAX_NAME_BYTES} bytes. */
export function isMetricName(name: string): boolean {
  return name !== "" && name.isWellFormed() && !isTooLong(name);
}

/** Whether `name` may name a label: the same, but for {@linkcode METRIC_NAME_LABEL}. */
export function isLabelName(name: string): boolean {
  return isMetricName(name) && name !== METRIC_NAME_LABEL;
}
