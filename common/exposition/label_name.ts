/**
 * What may name a label.
 *
 * @module
 */

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Whether a text is in the charset `[a-zA-Z_][a-zA-Z0-9_]*`, whatever its length. */
export function isLabelName(text: string): boolean {
  return LABEL_NAME.test(text);
}

/** The label that stands for the name of the family: no label of a series may have this name. */
export const METRIC_NAME_LABEL = "__name__";
