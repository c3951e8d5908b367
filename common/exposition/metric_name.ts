/**
 * What may name a metric without quotes.
 *
 * @module
 */

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** Whether a text is in the classic charset `[a-zA-Z_:][a-zA-Z0-9_:]*`, whatever its length. */
export function isMetricName(text: string): boolean {
  return METRIC_NAME.test(text);
}
