/**
 * All attacks, by name.
 *
 * @module
 */

import type { Attack } from "./attack.ts";
import { BY_CONNECTIONS } from "./by_connections.ts";
import { BY_PUSHES } from "./by_pushes.ts";
import { BY_TOKENS } from "./by_tokens.ts";
import { FROM_WITHIN } from "./from_within.ts";

/** By name, in the order in which they are tried. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  ...BY_PUSHES,
  ...BY_TOKENS,
  ...BY_CONNECTIONS,
  ...FROM_WITHIN,
};
