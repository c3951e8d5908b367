/**
 * The plural of what is counted in a sentence.
 *
 * @module
 */

/** The word for so many of a thing: `plural(1, "sample")` is `sample`, `plural(2, "copy", "copies")` is `copies`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? one : many;
}
