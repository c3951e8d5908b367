/**
 * Names of metrics and labels: the classic charset, and how names outside it are written.
 *
 * @module
 */

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
