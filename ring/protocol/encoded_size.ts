/**
 * How many bytes parts of a message take in its frame, so that a message is known to fit before it is made: an id of 255
 * characters takes up to 1,532 bytes there, as JSON writes a control character in six.
 *
 * @module
 */

import { MAX_LIST_LENGTH } from "./message_fields.ts";

/** The most bytes that the ids and versions in one message may take: half of a data frame. */
export const MAX_LISTED_BYTES: number = 512 * 1_024;

const utf8 = new TextEncoder();

/** The bytes that an element of a list takes in a frame, with the comma behind it. */
export function encodedBytes(value: unknown): number {
  return utf8.encode(JSON.stringify(value)).length + 1;
}

/** As many elements, from the first on, as fit a list of so many bytes; at least one, if there is one. */
export function fitting<T>(
  elements: Iterable<T>,
  { maxBytes, bytesOf = encodedBytes }: { readonly maxBytes: number; readonly bytesOf?: (element: T) => number },
): T[] {
  const taken: T[] = [];
  let bytes = 0;
  for (const element of elements) {
    bytes += bytesOf(element);
    if (taken.length > 0 && (bytes > maxBytes || taken.length === MAX_LIST_LENGTH)) break;
    taken.push(element);
  }
  return taken;
}

/** All elements, in lists that fit so many bytes each; one empty list if there are none. */
export function fittingLists<T>(elements: readonly T[], { maxBytes }: { readonly maxBytes: number }): T[][] {
  const lists: T[][] = [];
  for (let at = 0; at < elements.length || lists.length === 0;) {
    const list = fitting(elements.slice(at, at + MAX_LIST_LENGTH), { maxBytes });
    lists.push(list);
    at += Math.max(list.length, 1);
  }
  return lists;
}
