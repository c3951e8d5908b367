/**
 * How two pages differ.
 *
 * @module
 */

/** What is there and should not be, or the other way round, in words; undefined if nothing is. */
export function differenceOf<T>(shown: ReadonlyMap<string, T>, expected: ReadonlyMap<string, T>): string | undefined {
  for (const [key, value] of expected) {
    if (!shown.has(key)) return `${key} is missing`;
    if (!Object.is(shown.get(key), value)) return `${key} is ${shown.get(key)} in place of ${value}`;
  }
  for (const key of shown.keys()) if (!expected.has(key)) return `${key} is there`;
  return undefined;
}
