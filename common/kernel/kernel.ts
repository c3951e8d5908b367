/**
 * The kernel: what is done with every byte of a push, in WebAssembly, for its vectors of sixteen bytes. Its sources are in
 * `assembly/`, in AssemblyScript; `deno task kernel` compiles them to `kernel_wasm.ts`.
 *
 * @module
 */

import { KERNEL_WASM } from "./kernel_wasm.ts";

/** What copies and reads by sixteen bytes may touch behind an end. */
export const SPARE_BYTES = 16;

/** A variable of the kernel, which only the kernel changes. */
export interface KernelVariable<T = number> {
  /** What it is now. */
  readonly value: T;
}

/**
 * What the kernel exports, as it is documented in `assembly/`. Every place is a number of bytes into its memory, and 0 and 1
 * stand for false and true.
 */
export interface KernelExports {
  /** The memory. */
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Where the memory starts that is the caller's to lay out. */
  freeFrom(): number;
  /** Makes room for what ends at `end`, and to spare. */
  reserve(end: number): void;

  /** The CRC-32C of `length` bytes, 64 KiB at most, as a signed integer. */
  crc32c(at: number, length: number): number;
  /**
   * Uncompresses the snappy block from `from` to `stop` to `start` to `end`. 0 if the block is malformed or does not come to
   * exactly that length.
   */
  uncompress(from: number, stop: number, start: number, end: number): number;

  /**
   * Compresses what is from `from` to `stop` to a snappy block, and returns where that ends: at most a sixth of the bytes and 32 behind
   * as many.
   */
  compressBlock(from: number, stop: number, to: number): number;

  /** Writes a label value, escaped, and returns where it ends, or 0 if it is not UTF-8 at `faultAt`. */
  writeValue(from: number, length: number, to: number): number;
  /** A hash of the values that were written since it was set. */
  readonly valuesHash: KernelVariable<bigint>;
  /** Sets that. */
  setValuesHash(hash: bigint): void;

  /** Lays out an empty table of at most so many samples, and returns where it ends. */
  layOutTable(at: number, most: number): number;
  /** Empties the slots of the table. */
  clearSlots(): void;
  /** Adds a sample to the table. 0 if the hashes of too many series collide. */
  addSample(keyStart: number, keyEnd: number, hash: number, end: number, lines: number, age: number): number;

  /** Sets limits, lays out memory for what outlives a push, and returns where it ends. */
  configure(
    at: number,
    maxLabels: number,
    maxSeries: number,
    maxLabelBytes: number,
    maxTextBytes: number,
    shapeBytes: number,
  ): number;
  /** Says which labels the token of the push has: a number that stands for their names. */
  setToken(id: number): void;
  /** Sets what hashes of series depend on beside the series: a number that nobody can know. */
  seedSeriesHash(keyed: number): void;
  /** Takes the hash of the series of single lines whose samples were kept since it was taken last, in any order: 52 bits. */
  takeSeriesHash(): number;
  /** Starts on a push. */
  openPush(
    length: number,
    identity: number,
    end: number,
    oldestMs: number,
    newestMs: number,
    nowMs: number,
    honors: number,
  ): void;
  /** Starts on the samples of a family. */
  openFamily(
    at: number,
    end: number,
    nameAt: number,
    nameLength: number,
    inQuotes: number,
    valueTag: number,
    compound: number,
    verdict: number,
  ): void;
  /** Reads, checks and writes samples until there are no more or something is asked or wrong: a status. */
  readSamples(): number;
  /** Passes over the sample at hand, of which something is wrong. */
  skipSample(): void;
  /** Whether a name in the lines of the family stands in quotes. */
  readonly quoted: KernelVariable;
  /** Says whether the sample at hand is kept. */
  choose(keep: number): void;
  /** Drops the sample at hand. */
  drop(): void;
  /** Keeps the sample at hand, of which so many lines were written. A status, or 0. */
  keep(lines: number): number;
  /** Takes up the shape of the sample at hand and returns where it is; the caller has `bytes` of it at its end. */
  learnShape(bytes: number): number;
  /** Where that end is. */
  shapesEnd(): number;
  /** Says where the next line goes. */
  setOut(at: number): void;
  /** Says where the name and labels stand that name the series of the sample at hand. */
  setKey(start: number, end: number): void;

  /** Says where the powers of five stand that numbers are read with. */
  setPowers(at: number): void;
  /** Says where lines of text start, and where the samples that they become go. */
  openLines(from: number, to: number): void;
  /** Makes samples of the lines before `end`: a status. */
  transcode(end: number, nameLength: number, valueTag: number): number;
  /** Says what the number is that the kernel cannot read. */
  setNumber(value: number): void;
  /** Where the next sample goes. */
  readonly sampleTo: KernelVariable;
  /** Where the number starts that the kernel cannot read. */
  readonly numberAt: KernelVariable;
  /** Where that number ends. */
  readonly numberEnd: KernelVariable;

  /**
   * Copies lines from `at` to `end`, each with its time at its end, to `to`, and returns where the copy ends. At `runsAt` there are
   * pairs of integers: milliseconds after `baseMs`, and where the lines of that time end, from `textAt` on.
   */
  timeLines(at: number, end: number, textAt: number, runsAt: number, baseMs: number, to: number): number;

  /** Lays out memory for requests of remote write, and returns where it ends. `keyed` is a number that nobody can know. */
  layOutRequests(at: number, keyed: number): number;
  /** Starts on a request of the first version (0), or of the second (1). */
  openRequest(second: number): void;
  /** Ends it as a block of snappy, whose start is written behind all else in memory; returns where that ends. */
  finishRequest(to: number): number;
  /** Where the rest starts. */
  readonly elementsFrom: KernelVariable;
  /** Where it ends. */
  readonly elementsTo: KernelVariable;
  /**
   * Starts on the lines of a cluster, with room for as many bytes as they have at `scratch`, and for sixteen for each label of a line at
   * `labels`. At `samples` there are so many, sixteen bytes each, then where their lines end, four bytes each.
   */
  openCluster(scratch: number, labels: number, samples: number, count: number, mayKeep: number): void;
  /** Takes what is known of its series: so many bytes of strings, shapes and rows, which are where each of them starts, and so many rows. */
  knowSeries(strings: number, shapes: number, rows: number, count: number, pass: number): void;
  /** How what is known of them has changed then: a status. */
  changeOfSeries(): number;
  /** Where their strings are. */
  readonly stringsFrom: KernelVariable;
  /** Where these end. */
  readonly stringsTo: KernelVariable;
  /** Where the names of their labels are. */
  readonly shapesFrom: KernelVariable;
  /** Where these end. */
  readonly shapesTo: KernelVariable;
  /** Where the series are. */
  readonly rowsFrom: KernelVariable;
  /** Where these end. */
  readonly rowsTo: KernelVariable;
  /** How many there are. */
  readonly rowCount: KernelVariable;
  /** Counts the turns of the cluster. */
  readonly pass: KernelVariable;
  /** The number of a string in a request of the second version; 0 if there is no room for it, or if it is empty. */
  numberOf(at: number, length: number): number;
  /** Adds a series whose message is at hand; 0 if the request has no room for it. */
  appendSeries(at: number, length: number): number;
  /** Adds a series for each of some lines: a status. */
  writeSeries(
    at: number,
    end: number,
    textAt: number,
    runsAt: number,
    baseMs: number,
    type: number,
    ends: number,
    most: number,
    sample: number,
    hasText: number,
  ): number;
  /** Says what the number is that the kernel cannot read. */
  setWriteNumber(value: number): void;
  /** How many series there are. */
  readonly seriesCount: KernelVariable;
  /** Where the next line starts that has become none. */
  readonly writeAt: KernelVariable;
  /** Which of the samples is of that line, -1 if there are none. */
  readonly writeSample: KernelVariable;
  /** Where the number starts that the kernel cannot read. */
  readonly writeNumberAt: KernelVariable;
  /** Where that number ends. */
  readonly writeNumberEnd: KernelVariable;

  /** Sets how much a request of remote write may hold to be usual. `keyed` is a number that nobody can know. */
  limitWrites(series: number, families: number, labels: number, bytes: number, keyed: number): void;
  /**
   * Reads a request of remote write, which is from `from` to `to`, of the first version (0), or of the second (1), into delimited
   * families. 0 if it is unusual: then nothing of it counts. Labels of the token stand behind it up to `fieldsTo`, as 1.0 has labels.
   */
  readWrite(from: number, to: number, fieldsTo: number, second: number): number;
  /** Where its families of series that go on start. */
  readonly goingFrom: KernelVariable;
  /** Where these end. */
  readonly goingTo: KernelVariable;
  /** How many these are. */
  readonly goingFamilies: KernelVariable;
  /** Where those of series that end start. */
  readonly endingFrom: KernelVariable;
  /** Where these end. */
  readonly endingTo: KernelVariable;
  /** Where it says of each series of native histograms, which is left to the caller, where it starts and ends, four bytes each. */
  readonly leftFrom: KernelVariable;
  /** Where that ends. */
  readonly leftTo: KernelVariable;
  /** Samples that came, without those of series that are left. */
  readonly writtenSamples: KernelVariable;
  /** How many of them newer ones replace. */
  readonly writtenReplaced: KernelVariable;
  /** Exemplars that came, likewise. */
  readonly writtenExemplars: KernelVariable;

  /** Whether two stretches of lines have the same series, in the same order. */
  sameSeries(one: number, oneEnd: number, other: number, otherEnd: number): number;
  /** Lays out an empty table of series with so many slots, a power of two, and returns where it ends. */
  clearSeriesKeys(at: number, slots: number, keyed: number): number;
  /** Adds the series of lines to the table, which stays at most half full. */
  addSeriesKeys(from: number, end: number): void;
  /** The first of some lines whose series is not in the table, or their end. */
  missingSeries(from: number, end: number): number;

  /** Where it is that something is wrong. */
  readonly faultAt: KernelVariable;
  /** The tag of the field that is wrong. */
  readonly faultDetail: KernelVariable;
  /** Labels of the sample at hand, four integers each: name start, name end, value start, value end. */
  readonly spans: KernelVariable;
  /** How many labels it has. */
  readonly labelCount: KernelVariable;
  /** Its timestamp. */
  readonly timestampMs: KernelVariable;
  /** Its value. */
  readonly value: KernelVariable;
  /** Where it starts. */
  readonly sampleAt: KernelVariable;
  /** Where it ends. */
  readonly sampleEnd: KernelVariable;
  /** Its shape. */
  readonly shape: KernelVariable;
  /** Where its line starts. */
  readonly keyStart: KernelVariable;
  /** Where the next line goes. */
  readonly out: KernelVariable;
  /** Where the lines of the push start. */
  readonly textAt: KernelVariable;
  /** Samples that came. */
  readonly received: KernelVariable;
  /** Samples that were dropped. */
  readonly dropped: KernelVariable;
  /** Samples that were kept. */
  readonly size: KernelVariable;
  /** How many of them others replace. */
  readonly replaced: KernelVariable;
  /** Where the lines of each end, four bytes a sample. */
  readonly ends: KernelVariable;
  /** How many milliseconds each is younger than the oldest may be. */
  readonly ages: KernelVariable;
  /** The key of the series of each that is one line, a hash, and its value, eight bytes each. */
  readonly numbers: KernelVariable;
  /** How many lines each has, 0 if another one replaces it. */
  readonly lines: KernelVariable;
}

const module = new WebAssembly.Module(Uint8Array.fromBase64(KERNEL_WASM));

/** An instance of the kernel, with a memory of its own. */
export class Kernel {
  /** What it exports. */
  readonly exports: KernelExports;
  /** Where the memory starts that nobody has taken for good. */
  freeFrom: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;

  /** Makes an instance, which costs little: what is compiled is shared. */
  constructor() {
    this.exports = new WebAssembly.Instance(module).exports as unknown as KernelExports;
    this.#bytes = new Uint8Array(this.exports.memory.buffer);
    this.#view = new DataView(this.exports.memory.buffer);
    this.freeFrom = this.exports.freeFrom();
  }

  /** Its memory. Another one when it has grown, whereupon that from before is empty. */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length === 0) this.#look();
    return this.#bytes;
  }

  /** The same memory. */
  get view(): DataView<ArrayBuffer> {
    if (this.#bytes.length === 0) this.#look();
    return this.#view;
  }

  /** Makes room for what ends at `end`, and to spare. */
  reserve(end: number): void {
    this.exports.reserve(end);
  }

  #look(): void {
    this.#bytes = new Uint8Array(this.exports.memory.buffer);
    this.#view = new DataView(this.exports.memory.buffer);
  }
}
