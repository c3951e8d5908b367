/**
 * A map by bytes: what was found out about a string need not be found out again, nor need the string be decoded for that.
 *
 * @module
 */

interface Entry<T> {
  readonly bytes: Uint8Array;
  readonly value: T;
}

/**
 * Values by stretches of bytes. It may forget any of them: all at its bound, and one of two that have the same hash, by
 * which nobody gains more than that theirs are found out anew.
 */
export class BytesMap<T extends string | number | boolean | object> {
  readonly #entries = new Map<number, Entry<T>>();
  readonly #maxEntries: number;

  /** Holds up to so many. */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** The value for `start` to `end` of `bytes`. */
  // In three arguments, as an object for each sample would be much of a push's garbage.
  get(bytes: Uint8Array, start: number, end: number): T | undefined {
    const entry = this.#entries.get(hashOf(bytes, start, end));
    return entry !== undefined && equals(bytes, start, end, entry.bytes) ? entry.value : undefined;
  }

  /** Remembers a value for a copy of these bytes. */
  set(bytes: Uint8Array, value: T) {
    if (this.#entries.size === this.#maxEntries) this.#entries.clear();
    this.#entries.set(hashOf(bytes, 0, bytes.length), { bytes: bytes.slice(), value });
  }
}

/** Whether the bytes from `start` to `end` are exactly `wanted`. */
export function equals(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  if (end - start !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) {
    if (bytes[start + i] !== wanted[i]) return false;
  }
  return true;
}

/** FNV-1a of 32 bits. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash;
}
