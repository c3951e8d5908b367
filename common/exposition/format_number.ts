/**
 * Numbers as the text format has them.
 *
 * @module
 */

/** Writes a number so that Go, Prometheus and JavaScript read the same double back. */
export function formatValue(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return Object.is(value, -0) ? "-0" : String(value);
}

/**
 * Writes a bucket's bound or a quantile as Go does, letter by letter, since selectors depend on it: as
 * `strconv.FormatFloat(bound, 'g', -1, 64)`, in exponential form below 1e-04 and from 1e+06 on.
 */
export function formatBound(bound: number): string {
  const size = Math.abs(bound);
  if (!(size < 1e-4 || size >= 1e6) || bound === 0 || size === Infinity) return formatValue(bound);
  const [digits, exponent] = bound.toExponential().split("e");
  return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}
