/**
 * What a push loses to rules for samples: counted by rule, the first of each in words.
 *
 * @module
 */

import { MAX_PLAIN_BYTES, plainText, quotedText } from "../plain_text.ts";
import type { LabelSpans } from "./label_shape.ts";
import type { LeftOut, RuleCount, SampleFault, SampleRule } from "./sample_rules.ts";

/** How many labels people are told of a series that is left out. */
const MAX_TOLD_LABELS = 16;

/** How much of a sentence, and of a series, people are told. */
const TOLD = { maxBytes: 400 };

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

  /** Counts a sample of which nobody will read more than that; false, and uncounted, if somebody will. */
  count(rule: SampleRule): boolean {
    const before = this.#byRule.get(rule);
    if (before === undefined || this.tells(rule)) return false;
    this.#byRule.set(rule, { ...before, count: before.count + 1 });
    return true;
  }

  /** Notes a sample. */
  note({ rule, ...given }: SampleFault): void {
    if (this.count(rule)) return;
    const before = this.#byRule.get(rule);
    // Both have names in them, which may be any text.
    const told = { ...given, what: plainText(given.what, TOLD), series: plainText(given.series, TOLD) };
    this.#byRule.set(rule, before === undefined ? { count: 1, first: told } : { ...before, count: before.count + 1 });
    this.#onFault?.({ rule, ...told });
  }
}

/** The name of a metric as text for people, whatever bytes it is of. */
export function tellName(bytes: Uint8Array): string {
  if (bytes.length === 0) return "a metric";
  return plainText(tolerant.decode(bytes.subarray(0, MAX_PLAIN_BYTES + 1)));
}

/** A series as text for people: what its labels cannot say is replaced, and what is long is clipped. */
export function tellSeries(
  name: string,
  { bytes, spans, labelCount }: { bytes: Uint8Array; spans: LabelSpans; labelCount: number },
): string {
  const text = (start: number, end: number) =>
    tolerant.decode(bytes.subarray(start, Math.min(end, start + MAX_PLAIN_BYTES + 1)));
  const labels = Array.from({ length: Math.min(labelCount, MAX_TOLD_LABELS) }, (_, i) => {
    const [nameStart, nameEnd, valueStart, valueEnd] = spans.subarray(4 * i, 4 * i + 4);
    return `${plainText(text(nameStart, nameEnd))}=${quotedText(text(valueStart, valueEnd))}`;
  });
  return plainText(`${plainText(name)}{${labels.join()}}`);
}
