/**
 * Bytes that grow up to a bound, in memory that is used again.
 *
 * @module
 */

/** What is copied byte by byte, as a view of it costs more. */
const SHORT_BYTES = 24;

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
    if (bytes.length > 0) this.copy(bytes, 0, bytes.length);
  }

  /** Appends the bytes from `start` to `end`. */
  // In three arguments, as this is what each series of a request is written with.
  copy(bytes: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    if (bytes === this.#memory) this.#memory.copyWithin(this.length, start, end);
    else if (end - start > SHORT_BYTES) this.#memory.set(bytes.subarray(start, end), this.length);
    else for (let at = start, to = this.length; at < end;) this.#memory[to++] = bytes[at++];
    this.length += end - start;
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
    const grown = new Uint8Array(Math.min(2 * end, this.#most));
    grown.set(this.#memory.subarray(0, this.length));
    this.#memory = grown;
  }
}

/** How many bytes {@linkcode ByteBuilder.varint} takes for a number. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}
