/**
 * What is wrong with one sample of a page whose other samples are fine.
 *
 * @module
 */

import { MAX_PLAIN_BYTES, plainText, quotedText } from "../plain_text.ts";
import type { Label } from "./metric_family.ts";

/** The rule that a sample breaks. */
export type FaultRule =
  /** Its metric has a name that must be in quotes, or none. */
  | "family_name"
  /** Its metric has a type that nobody knows. */
  | "family_type"
  /** Its name belongs to a metric of another type as well. */
  | "family_collision"
  /** A label has a name that must be in quotes, none, or a reserved one. */
  | "label_name"
  /** A name, or the value of a label, has an escape that nobody knows. */
  | "escape"
  /** It has too many labels. */
  | "labels"
  /** A label's name comes twice. */
  | "duplicate_label"
  /** Its value is beyond what a number can be. */
  | "value"
  /** Its histogram contradicts itself. */
  | "histogram"
  /** Its summary contradicts itself. */
  | "summary"
  /** Its line is longer than what is read. */
  | "line_length"
  /** Its time is not one in whole milliseconds, or too far away. */
  | "timestamp";

/** A sample that is left out of a page, and why. */
export interface SampleFault {
  /** The rule that it breaks. */
  readonly rule: FaultRule;
  /** The name of its metric, clipped. */
  readonly metric: string;
  /** Its labels as text, clipped. */
  readonly labels: string;
  /** What is wrong, as a clause without a full stop. */
  readonly why: string;
  /** The line where it is wrong, from 1; of a histogram or summary, perhaps the first of its lines. */
  readonly line: number;
  /** Where in the page that is, in bytes from 0. */
  readonly offset: number;
}

/** Labels as a message repeats them: `a="b",c="d"`. */
export function clipLabels(labels: readonly Label[]): string {
  let text = "";
  for (const { name, value } of labels) {
    if (text.length > MAX_PLAIN_BYTES) break;
    text += `${text === "" ? "" : ","}${plainText(name)}=${quotedText(value)}`;
  }
  return plainText(text);
}
