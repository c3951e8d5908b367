/**
 * Parts of url-encoded forms, good and bad.
 *
 * @module
 */

import type { Random } from "../support/random.ts";
import { TEXTS } from "./vocabulary.ts";

/** The media type of forms. */
export const FORM = "application/x-www-form-urlencoded";

const utf8 = new TextEncoder();

/** The id of a cluster, good or bad. */
export function someId(random: Random): string {
  const id = random.pick([...TEXTS, "cluster", crypto.randomUUID(), "\u0001".repeat(255), "\u{1f996}".repeat(63)]);
  return random.chance(0.1) ? id.repeat(random.size(40)) : id;
}

/** A text as a parameter has it, by one of the ways there are, or as it is. */
export function encodedForm(text: string, random: Random): string {
  switch (random.below(5)) {
    case 0:
      return text;
    case 1:
      return Array.from(utf8.encode(text), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
    case 2:
      return text.replaceAll(" ", "+");
    default:
      return encodeURIComponent(text.toWellFormed());
  }
}
