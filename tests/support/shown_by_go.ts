/**
 * Numbers as Go writes them.
 *
 * @module
 */

/** A bound as Go writes it, independently of the code under test: by its digits and where their point is. */
export function shownByGo(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:e(.+))?$/.exec(String(value))!;
  const digits = (whole + fraction).replace(/^0+/, "");
  const point = whole.length + Number(exponent) - (whole + fraction).length + digits.length;
  const trimmed = digits.replace(/0+$/, "");
  if (point - 1 < -4 || point - 1 >= 6) {
    const power = `${Math.abs(point - 1)}`.padStart(2, "0");
    const tail = trimmed.length > 1 ? `.${trimmed.slice(1)}` : "";
    return `${sign}${trimmed[0]}${tail}e${point - 1 < 0 ? "-" : "+"}${power}`;
  }
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${trimmed}`;
  const [left, right] = [trimmed.slice(0, point).padEnd(point, "0"), trimmed.slice(point)];
  return `${sign}${left}${right && `.${right}`}`;
}
