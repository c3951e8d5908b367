/**
 * The protobuf encoding, field by field: what `protobuf.ts` reads and writes messages with.
 *
 * @module
 */

import { keepCompiled } from "../keep_compiled.ts";
import { BYTES, FIXED32, FIXED64, tagOf, VARINT } from "./protobuf_fields.ts";

/** Strings of up to so many bytes are looked for among those read before: names and values of labels recur. */
const SHORT_BYTES = 64;
/** Strings that are remembered, a power of two, */
const REMEMBERED = 2_048;
/** from so many on: what has few of them is not worth it. */
const FEW_STRINGS = 64;

/**
 * A cursor over protobuf bytes. Every read is bounded by the `end` of the message it stands in.
 *
 * All of its methods throw a `SyntaxError` with the offset where the bytes are not protobuf.
 */
export class ProtobufReader {
  /** Where the cursor stands. */
  at = 0;
  /** The number of the field that {@linkcode next} came to. */
  field = 0;
  /** Whether {@linkcode skipUnknown} passed over a field; for the user to reset. */
  hasUnknown = false;
  #wire = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #memory: StringMemory | undefined;
  #stringsRead = 0;

  /** Reads `bytes` from the start. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Comes to the next field of a message; false at its end. What follows must read or skip it. */
  next(end: number): boolean {
    if (this.at >= end) return false;
    const at = this.at;
    const tag = this.#varint(end);
    if (tag < 8 || tag > 0xffffffff) throw malformed(`a field has the number ${Math.floor(tag / 8)}`, at);
    this.field = tag >>> 3;
    this.#wire = tag & 7;
    return true;
  }

  /** Reads an int64, or a uint64 as one, as a number: exact up to 2^53 either way. */
  varint(end: number): number {
    this.#expect(VARINT);
    return this.#varint(end);
  }

  /** Reads a sint32 or sint64; NaN if it has more than 52 bits. */
  signed(end: number): number {
    return unzigzag(this.varint(end));
  }

  /** Reads a double. */
  double(end: number): number {
    this.#expect(FIXED64);
    return this.#double(end);
  }

  /** Reads a repeated sint64, packed or one at a time; NaN stands for what has more than 52 bits. */
  signedInto(numbers: number[], end: number): void {
    if (this.#wire !== BYTES) return void numbers.push(this.signed(end));
    const stop = this.enter(end);
    while (this.at < stop) numbers.push(unzigzag(this.#varint(stop)));
  }

  /** Reads a repeated uint32, packed or one at a time. */
  numbersInto(numbers: number[], end: number): void {
    if (this.#wire !== BYTES) return void numbers.push(this.varint(end));
    const stop = this.enter(end);
    while (this.at < stop) numbers.push(this.#varint(stop));
  }

  /** Reads a repeated double, packed or one at a time. */
  doublesInto(numbers: number[], end: number): void {
    if (this.#wire !== BYTES) return void numbers.push(this.double(end));
    const stop = this.enter(end);
    while (this.at < stop) numbers.push(this.#double(stop));
  }

  /** Reads a string. */
  string(end: number): string {
    const stop = this.enter(end);
    const start = this.at;
    this.at = stop;
    if (stop - start > SHORT_BYTES || ++this.#stringsRead <= FEW_STRINGS) return this.#decode(start, stop);
    this.#memory ??= new StringMemory(this.#bytes, (start, stop) => this.#decode(start, stop));
    return this.#memory.string(start, stop);
  }

  /** Enters a message: returns where it ends, and leaves the cursor at its start. */
  enter(end: number): number {
    this.#expect(BYTES);
    return this.lengthEnd(end);
  }

  /** Reads a length and returns where what it measures ends; the cursor stays before that. */
  lengthEnd(end: number): number {
    const at = this.at;
    const length = this.#varint(end);
    if (!(length >= 0 && length <= end - this.at)) throw malformed("a length goes past the end", at);
    return this.at + length;
  }

  /**
   * Where the messages of one field end that follow each other from the cursor on; the cursor stays. It is where that stands if
   * there are none, or one of them has 128 bytes or more.
   */
  runEnd(field: number, end: number): number {
    const bytes = this.#bytes;
    const tag = tagOf(field, BYTES);
    let at = this.at;
    while (at + 1 < end && bytes[at] === tag) {
      const length = bytes[at + 1];
      if (length >= 0x80 || length > end - at - 2) return this.at;
      at += 2 + length;
    }
    return at;
  }

  /** Passes over the field that the cursor came to. Who calls it says why the numbers are the same without the field. */
  skip(end: number): void {
    const wire = this.#wire;
    if (wire === VARINT) this.#varint(end);
    else if (wire === BYTES) this.at = this.lengthEnd(end);
    else if (wire === FIXED64 || wire === FIXED32) {
      const size = wire === FIXED64 ? 8 : 4;
      if (this.at + size > end) throw malformed("a field is cut short", this.at);
      this.at += size;
    } else throw malformed(`a field has the wire type ${wire}`, this.at);
  }

  /** Passes over a field that may change what the message means. */
  skipUnknown(end: number): void {
    this.hasUnknown = true;
    this.skip(end); // No number is taken from a message whose reader finds hasUnknown set.
  }

  #varint(end: number): number {
    const start = this.at;
    // Nearly all numbers and lengths have one byte.
    if (start < end && this.#bytes[start] < 0x80) return this.#bytes[this.at++];
    let low = 0, high = 0, place = 1;
    for (let i = 0; i < 10; i++) {
      if (this.at >= end) throw malformed("a varint is cut short", start);
      const byte = this.#bytes[this.at++];
      if (i < 4) low |= (byte & 0x7f) << (7 * i);
      else {
        high += (byte & 0x7f) * place;
        place *= 128;
      }
      if (byte < 0x80) {
        if (i === 9 && byte > 1) break;
        // Ten bytes carry 70 bits; those of a negative number reach 2^64, from which two's complement subtracts.
        return high < 2 ** 35 ? high * 2 ** 28 + low : (high - 2 ** 36) * 2 ** 28 + low;
      }
    }
    throw malformed("a varint has more than 64 bits", start);
  }

  #double(end: number): number {
    if (this.at + 8 > end) throw malformed("a double is cut short", this.at);
    this.at += 8;
    return this.#view.getFloat64(this.at - 8, true);
  }

  #decode(start: number, stop: number): string {
    try {
      return this.#utf8.decode(this.#bytes.subarray(start, stop));
    } catch (cause) {
      throw new SyntaxError(`Cannot read the protobuf: a string is not UTF-8, at offset ${start}`, { cause });
    }
  }

  #expect(wanted: number) {
    if (this.#wire !== wanted) {
      throw malformed(`a field has the wire type ${this.#wire} in place of ${wanted}`, this.at);
    }
  }
}

/** Strings that were read before, which is cheaper than to decode the same bytes again. */
class StringMemory {
  readonly #bytes: Uint8Array;
  readonly #decode: (start: number, stop: number) => string;
  /** By a hash of the bytes: where a string was read, its length, and what it was. */
  readonly #starts = new Int32Array(REMEMBERED);
  readonly #lengths = new Uint8Array(REMEMBERED);
  readonly #strings: (string | undefined)[] = [];

  constructor(bytes: Uint8Array, decode: (start: number, stop: number) => string) {
    this.#bytes = bytes;
    this.#decode = decode;
  }

  string(start: number, stop: number): string {
    const bytes = this.#bytes;
    const length = stop - start;
    let hash = length;
    for (let at = start; at < stop; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
    const slot = (hash ^ hash >>> 15) & (REMEMBERED - 1);
    const known = this.#strings[slot];
    if (known !== undefined && this.#lengths[slot] === length) {
      const before = this.#starts[slot];
      let i = 0;
      while (i < length && bytes[before + i] === bytes[start + i]) i++;
      if (i === length) return known;
    }
    const text = this.#decode(start, stop);
    this.#starts[slot] = start;
    this.#lengths[slot] = length;
    return this.#strings[slot] = text;
  }
}

/** The error that says what is wrong with protobuf, and where. */
export function malformed(what: string, at: number): SyntaxError {
  return new SyntaxError(`Cannot read the protobuf: ${what}, at offset ${at}`);
}

/** A number from its ZigZag form; beyond 2^53 its last bit, which is its sign, is not exact. */
function unzigzag(raw: number): number {
  if (!Number.isSafeInteger(raw) || raw < 0) return NaN;
  return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
}

const utf8Encoder = new TextEncoder();

/** A growing buffer. A message is written behind a gap of one byte for its length, and moved when that is too narrow. */
export class ProtobufWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  /** Makes room for so many bytes at first. */
  constructor(room = 4_096) {
    this.#bytes = new Uint8Array(room);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** How much was written, in bytes. */
  get length(): number {
    return this.#length;
  }

  /** A copy of what was written from a place on. */
  copyFrom(start: number): Uint8Array {
    return this.#bytes.slice(start, this.#length);
  }

  /** All that was written, in the writer's own memory: it writes no more. */
  take(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes.buffer.transfer(this.#length));
  }

  /** Opens a field that is a message; what this returns closes it. */
  openField(number: number): number {
    this.#varint(tagOf(number, BYTES));
    return this.open();
  }

  /** Opens a message behind its length; what this returns closes it. */
  open(): number {
    this.#reserve(1);
    return ++this.#length;
  }

  /** Closes the message that was opened last. */
  close(start: number): void {
    const length = this.#length - start;
    if (length < 128) {
      this.#bytes[start - 1] = length;
      return;
    }
    let width = 1;
    for (let rest = Math.floor(length / 128); rest > 0; rest = Math.floor(rest / 128)) width++;
    this.#reserve(width - 1);
    this.#bytes.copyWithin(start + width - 1, start, this.#length);
    this.#length = start - 1;
    this.#varint(length);
    this.#length += length;
  }

  /** Writes fields that are encoded already. */
  fields(encoded: Uint8Array): void {
    this.#reserve(encoded.length);
    this.#bytes.set(encoded, this.#length);
    this.#length += encoded.length;
  }

  /** Writes a string. */
  string(number: number, text: string): void {
    this.#reserve(16 + 3 * text.length);
    this.#varint(tagOf(number, BYTES));
    if (this.#ascii(text)) return;
    const start = this.#length;
    // The length of the encoded text is known only afterwards; most are short enough for one byte.
    const { written } = utf8Encoder.encodeInto(text, this.#bytes.subarray(start + 5));
    this.#varint(written);
    this.#bytes.copyWithin(this.#length, start + 5, start + 5 + written);
    this.#length += written;
  }

  /** Writes a double. */
  double(number: number, value: number): void {
    this.#reserve(16);
    this.#varint(tagOf(number, FIXED64));
    this.#double(value);
  }

  /** Writes a repeated double. */
  doubles(number: number, values: readonly number[]): void {
    if (values.length === 0) return;
    const start = this.openField(number);
    this.#reserve(8 * values.length);
    for (const value of values) this.#double(value);
    this.close(start);
  }

  /**
   * Writes an int64.
   *
   * @throws {RangeError} if it is not an integer of 64 bits.
   */
  varint(number: number, value: number): void {
    if (!Number.isInteger(value) || value < -(2 ** 63) || value >= 2 ** 63) {
      throw new RangeError(`Cannot write ${value} as an integer of 64 bits`);
    }
    this.#varint(tagOf(number, VARINT));
    this.#varint(value);
  }

  /**
   * Writes a sint32.
   *
   * @throws {RangeError} if it is not an integer of 32 bits.
   */
  signed(number: number, value: number): void {
    if ((value | 0) !== value) throw new RangeError(`Cannot write ${value} as an integer of 32 bits`);
    this.#varint(tagOf(number, VARINT));
    this.#varint(zigzag(value));
  }

  /**
   * Writes a repeated sint64: each number less the one before it.
   *
   * @throws {RangeError} if a number is not an integer of up to 52 bits.
   */
  deltas(number: number, values: readonly number[]): void {
    if (values.length === 0) return;
    const start = this.openField(number);
    let before = 0;
    for (const value of values) {
      if (!Number.isInteger(value) || Math.abs(value) > 2 ** 51) {
        throw new RangeError(`Cannot write ${value} as an integer of 52 bits`);
      }
      this.#varint(zigzag(value - before));
      before = value;
    }
    this.close(start);
  }

  #double(value: number) {
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** Writes a short text of ASCII, as most are, at a tenth of the encoder's cost; false if it is another one. */
  #ascii(text: string): boolean {
    const { length } = text;
    if (length > 127) return false;
    const bytes = this.#bytes;
    const start = this.#length + 1;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 127) return false;
      bytes[start + i] = unit;
    }
    bytes[start - 1] = length;
    this.#length = start + length;
    return true;
  }

  #varint(value: number) {
    this.#reserve(10);
    if (value >= 0 && value < 0x80) {
      this.#bytes[this.#length++] = value;
      return;
    }
    if (value < 0) {
      // Two's complement over 64 bits, as protobuf has it for int64.
      for (let big = BigInt.asUintN(64, BigInt(value));; big >>= 7n) {
        if (big < 0x80n) return void (this.#bytes[this.#length++] = Number(big));
        this.#bytes[this.#length++] = Number(big & 0x7fn) | 0x80;
      }
    }
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) | 128;
    this.#bytes[this.#length++] = rest;
  }

  #reserve(more: number) {
    if (this.#length + more <= this.#bytes.length) return;
    this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(2 * (this.#length + more)));
    this.#view = new DataView(this.#bytes.buffer);
  }
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

keepCompiled(new ProtobufWriter(0));
