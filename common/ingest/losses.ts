/**
 * What a push loses to rules for samples: counted by rule, the first of each in words.
 *
 * @module
 */

import type { LabelSpans } from "./label_shape.ts";
import type { LeftOut, RuleCount, SampleFault, SampleRule } from "./sample_rules.ts";

/** How much people are told of a series that is left out: labels, and letters of each name and value and of all. */
const MAX_TOLD_LABELS = 16, MAX_TOLD_LETTERS = 200;

const tolerant = new TextDecoder();

/** Gathers the losses of one push. */
export class Losses {
  readonly #byRule = new Map<SampleRule, RuleCount>();
  readonly #onFault: ((fault: SampleFault) => void) | undefined;

  /** Tells `onFault`, if it is given, of each sample that is lost. */
  constructor(onFault?: (fault: SampleFault) => void) {
    this.#onFault = onFault;
  }

  /** The losses so far. */
  get leftOut(): LeftOut {
    return this.#byRule;
  }

  /** Whether anybody will read which series is lost to a rule: the first of each is told, or all are listened to. */
  tells(rule: SampleRule): boolean {
    return this.#onFault !== undefined || !this.#byRule.has(rule);
  }

  /** Notes a sample. */
  note({ rule, ...given }: SampleFault): void {
    const before = this.#byRule.get(rule);
    if (!this.tells(rule)) return void this.#byRule.set(rule, { ...before!, count: before!.count + 1 });
    // Both have names in them, which may be any text.
    const told = { ...given, what: plain(given.what), series: plain(given.series) };
    this.#byRule.set(rule, before === undefined ? { count: 1, first: told } : { ...before, count: before.count + 1 });
    this.#onFault?.({ rule, ...told });
  }
}

/** A series as text for people: what its labels cannot say is replaced, and what is long is clipped. */
export function tellSeries(
  name: string,
  { bytes, spans, labelCount }: { bytes: Uint8Array; spans: LabelSpans; labelCount: number },
): string {
  const text = (start: number, end: number) =>
    clip(tolerant.decode(bytes.subarray(start, Math.min(end, start + MAX_TOLD_LETTERS + 1))));
  const labels = Array.from({ length: Math.min(labelCount, MAX_TOLD_LABELS) }, (_, i) => {
    const [nameStart, nameEnd, valueStart, valueEnd] = spans.subarray(4 * i, 4 * i + 4);
    return `${text(nameStart, nameEnd)}=${JSON.stringify(text(valueStart, valueEnd))}`;
  });
  return clip(`${clip(name)}{${labels.join()}}`);
}

/** A text of a client's for people: clipped, and without what could be taken for something else. */
export function clip(text: string): string {
  const told = plain(text);
  return told.length > MAX_TOLD_LETTERS ? told.slice(0, MAX_TOLD_LETTERS).toWellFormed() + "…" : told;
}

/** A text without what breaks its line, or turns it about. */
function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "\ufffd").toWellFormed();
}
