/**
 * Draws peers by chance.
 *
 * @module
 */

/** So many of the names, in their order; all if there are no more. */
export function someOf(names: Iterable<string>, { count, random }: { count: number; random: () => number }): string[] {
  const pool = [...names];
  while (pool.length > count) pool.splice(Math.floor(random() * pool.length), 1);
  return pool;
}
