/**
 * From lines of the text format to delimited protobuf, in the kernel: a page in protobuf costs little more than one in text.
 *
 * @module
 */

import * as status from "../kernel/assembly/status.ts";
import { Kernel } from "../kernel/kernel.ts";
import { prepareNumbers } from "./number_powers.ts";
import { type DistributionType, METRIC_TYPES, type MetricType } from "./metric_family.ts";

/** The types of families with one line a sample. */
export type PlainType = Exclude<MetricType, DistributionType>;

/** Lines that become one message, in bytes; a family of more is several messages, so that none grows without bound. */
const MESSAGE_BYTES = 128 * 1_024;
/** What comes before the samples of a message: its length, the tags and the type, beside the name. */
const HEAD_BYTES = 32;
/** How much longer samples are than their lines at most: `x 1` becomes 14 bytes. */
const GROWTH = 4;
/** The tag of the field of `Metric` that holds the value. */
const VALUE_TAG: Readonly<Record<PlainType, number>> = { gauge: 0x12, counter: 0x1a, untyped: 0x2a };

const LINE_FEED = 0x0a;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Transcodes one family after the other, in a memory of its own. */
export class LineTranscoder {
  readonly #kernel = new Kernel();
  readonly #linesAt: number;

  /** Prepares what numbers are read with. */
  constructor() {
    this.#linesAt = prepareNumbers(this.#kernel);
  }

  /**
   * The delimited messages of a family whose lines are in `slices`, each of which ends with a line. Names and labels must be
   * classic ones, and lines as the server renders them: without comments or needless blanks, and with timestamps that are
   * milliseconds since the epoch, if any.
   */
  *transcode(
    slices: Iterable<Uint8Array>,
    { name, type }: { readonly name: string; readonly type: PlainType },
  ): Generator<Uint8Array<ArrayBuffer>> {
    const family = { name: encoder.encode(name), type };
    let length = 0;
    for (const slice of slices) {
      for (let at = 0; at < slice.length;) {
        const part = slice.subarray(at, partEnd(slice, at));
        if (length > 0 && length + part.length > MESSAGE_BYTES) {
          yield this.#message(length, family);
          length = 0;
        }
        const to = this.#linesAt + length;
        this.#kernel.reserve(to + part.length);
        this.#kernel.bytes.set(part, to);
        length += part.length;
        at += part.length;
      }
    }
    if (length > 0) yield this.#message(length, family);
  }

  /** Makes one message of the lines in memory. */
  #message(length: number, { name, type }: { name: Uint8Array; type: PlainType }): Uint8Array<ArrayBuffer> {
    const { exports } = this.#kernel;
    const end = this.#linesAt + length;
    const samplesAt = end + HEAD_BYTES + name.length + 64;
    this.#kernel.reserve(samplesAt + GROWTH * length + 64);
    exports.openLines(this.#linesAt, samplesAt);
    while (exports.transcode(end, name.length, VALUE_TAG[type]) === status.NUMBER) {
      const text = decoder.decode(this.#kernel.bytes.subarray(exports.numberAt.value, exports.numberEnd.value));
      exports.setNumber(text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));
    }
    const samplesEnd = exports.sampleTo.value;
    const head = [0x0a, ...varint(name.length), ...name, 0x18, METRIC_TYPES.indexOf(type)];
    const prefix = varint(head.length + samplesEnd - samplesAt);
    const start = samplesAt - head.length - prefix.length;
    const { bytes } = this.#kernel;
    bytes.set(prefix, start);
    bytes.set(head, start + prefix.length);
    return bytes.slice(start, samplesEnd);
  }
}

/** Where a part of a slice ends that starts at `at`: with a line, and after as many bytes as make one message if it can. */
function partEnd(slice: Uint8Array, at: number): number {
  if (slice.length - at <= MESSAGE_BYTES) return slice.length;
  const last = slice.lastIndexOf(LINE_FEED, at + MESSAGE_BYTES - 1);
  return (last >= at ? last : slice.indexOf(LINE_FEED, at)) + 1;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 0x80; value >>>= 7) bytes.push(value & 0x7f | 0x80);
  bytes.push(value);
  return bytes;
}
