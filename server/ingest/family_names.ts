/**
 * Names of families as strings. Clusters have the same ones, push after push, so that each is decoded and checked once.
 *
 * @module
 */

import { equals } from "./allow_list.ts";

/** Names that are kept; at the bound all are forgotten. */
const MAX_NAMES = 10_000;

// A byte order mark is no part of any name, and not to be passed over.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Names that were seen before, found by their bytes. */
export class FamilyNames {
  readonly #known = new Map<number, { readonly bytes: Uint8Array; readonly name: string }>();

  /** The name from `start` to `end` of `bytes`, undefined if it is not one that a family may have. */
  read(bytes: Uint8Array, start: number, end: number): string | undefined {
    let hash = 0x811c9dc5;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
    const known = this.#known.get(hash);
    if (known !== undefined && equals(bytes, start, end, known.bytes)) return known.name;
    const own = bytes.slice(start, end);
    const name = decoder.decode(own);
    if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)) return undefined;
    if (this.#known.size === MAX_NAMES) this.#known.clear();
    this.#known.set(hash, { bytes: own, name });
    return name;
  }
}
