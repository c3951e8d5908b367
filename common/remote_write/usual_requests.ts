/**
 * Requests of remote write as nearly all are, read into families in the kernel.
 *
 * @module
 */

import { Kernel, SPARE_BYTES } from "../kernel/kernel.ts";
import type { WriteVersion } from "./write_fields.ts";
import type { WriteLimits } from "./write_limits.ts";

/** What the kernel has made of a request; views hold until the next one is read. */
export interface UsualRequest {
  /** Series that go on, as delimited families. */
  readonly values: Uint8Array<ArrayBuffer>;
  /** How many of these there are. */
  readonly families: number;
  /** Series that end, as delimited families. */
  readonly ended: Uint8Array<ArrayBuffer>;
  /** Samples that came. */
  readonly samples: number;
  /** How many of them newer ones replace. */
  readonly replaced: number;
  /** Exemplars that came. */
  readonly exemplars: number;
  /** Series that are in none of that, as they have native histograms alone: where each starts and ends in the request. */
  readonly left: Uint32Array;
}

/**
 * The most bytes of a usual request, uncompressed, and as many of its labels and of its families: 10,000 series of 400 bytes each. The
 * kernel keeps 16 MiB for these, and four for places of series and symbols.
 */
const MAX_USUAL_BYTES = 4_194_304;
/** The most series of a usual request. */
const MAX_USUAL_SERIES = 16_384;
/** The most labels of a series of a usual request. */
const MAX_USUAL_LABELS = 4_096;

/** Reads requests one after the other, in memory that it uses again. */
export class UsualRequests {
  readonly #kernel = new Kernel();

  /** Reads up to these limits. */
  constructor({ maxSeries, maxFamilies, maxLabels, maxBytes }: WriteLimits) {
    const [keyed] = crypto.getRandomValues(new Uint32Array(1));
    const { exports } = this.#kernel;
    exports.limitWrites(
      Math.min(maxSeries, MAX_USUAL_SERIES),
      Math.min(maxFamilies, MAX_USUAL_SERIES),
      Math.min(maxLabels, MAX_USUAL_LABELS),
      Math.min(maxBytes, MAX_USUAL_BYTES),
      keyed,
    );
  }

  /**
   * Reads a request, uncompressed; undefined if it is unusual, as one is with something wrong in it. `identity` is the labels of the
   * token, as 1.0 has labels.
   */
  read(
    bytes: Uint8Array,
    { version, identity }: { version: WriteVersion; identity: Uint8Array },
  ): UsualRequest | undefined {
    if (bytes.length > MAX_USUAL_BYTES) return undefined;
    const kernel = this.#kernel, { exports } = kernel;
    const from = kernel.freeFrom, to = from + bytes.length, fieldsTo = to + identity.length;
    kernel.reserve(fieldsTo + SPARE_BYTES);
    kernel.bytes.set(bytes, from);
    kernel.bytes.set(identity, to);
    if (!exports.readWrite(from, to, fieldsTo, Number(version === "2.0"))) return undefined;
    const left = new Uint32Array(
      kernel.bytes.buffer,
      exports.leftFrom.value,
      (exports.leftTo.value - exports.leftFrom.value) / 4,
    );
    return {
      values: kernel.bytes.subarray(exports.goingFrom.value, exports.goingTo.value),
      families: exports.goingFamilies.value,
      ended: kernel.bytes.subarray(exports.endingFrom.value, exports.endingTo.value),
      samples: exports.writtenSamples.value,
      replaced: exports.writtenReplaced.value,
      exemplars: exports.writtenExemplars.value,
      left: left.map((at) => at - from),
    };
  }
}
