/**
 * Bytes that grow up to a bound, in memory that is used again.
 *
 * @module
 */

/** Builds a stretch of bytes at a time. */
export class ByteBuilder {
  /** How many bytes were built. */
  length = 0;
  #memory = new Uint8Array(16_384);
  readonly #most: number;
  readonly #tooMany: () => Error;

  /** Builds up to so many bytes, beyond which it throws what `tooMany` makes. */
  constructor(most: number, tooMany: () => Error) {
    this.#most = most;
    this.#tooMany = tooMany;
  }

  /** What was built; a view that holds until it is cleared. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#memory.subarray(0, this.length);
  }

  /** The memory that it stands in. Another one when that has grown; what was built before stays in the old one as well. */
  get memory(): Uint8Array<ArrayBuffer> {
    return this.#memory;
  }

  /** Starts anew. */
  clear(): void {
    this.length = 0;
  }

  /** Appends a byte. */
  byte(value: number): void {
    this.#reserve(1);
    this.#memory[this.length++] = value;
  }

  /** Appends so many bytes that are 0. */
  zeros(count: number): void {
    this.#reserve(count);
    this.#memory.fill(0, this.length, this.length += count);
  }

  /** Appends bytes. */
  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#memory.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Appends a number as protobuf does. */
  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#memory[this.length++] = (rest % 128) | 128;
    this.#memory[this.length++] = rest;
  }

  /** Appends a tag of one byte and a number behind it. */
  tagged(tag: number, value: number): void {
    this.byte(tag);
    this.varint(value);
  }

  #reserve(more: number) {
    const end = this.length + more;
    if (end > this.#most) throw this.#tooMany();
    if (end <= this.#memory.length) return;
    const grown = new Uint8Array(2 * end);
    grown.set(this.#memory.subarray(0, this.length));
    this.#memory = grown;
  }
}
