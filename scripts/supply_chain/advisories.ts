/**
 * What `deno audit` has found: it asks the registry which versions of the lock have known vulnerabilities.
 *
 * @module
 */

import { stripVTControlCharacters } from "node:util";

/** What there is to know of the lock. */
export interface Advisories {
  /** Whether it was checked and nothing was found, something was found, or nobody could say. */
  readonly verdict: "none" | "found" | "unchecked";
  /** What `deno audit` wrote. */
  readonly words: string;
}

/**
 * The arguments of `deno` by which it asks. A registry that does not answer is then no failure, which tells it from what was
 * found.
 */
export const AUDIT_ARGUMENTS: readonly string[] = ["audit", "--frozen", "--ignore-registry-errors"];

/** Reads how that went. What is not known to be a good end is none. */
export function readAdvisories(
  { success, output }: { readonly success: boolean; readonly output: string },
): Advisories {
  const words = stripVTControlCharacters(output).trim();
  if (success && /^No known vulnerabilities found$/m.test(words)) return { verdict: "none", words };
  if (!success && /^Found \d+ vulnerabilit/m.test(words)) return { verdict: "found", words };
  return { verdict: "unchecked", words };
}
