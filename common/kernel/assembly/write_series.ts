/**
 * Lines of the text format to series of a request of remote write.
 *
 * @module
 */

import { reserve } from "./arena.ts";
import { find, hashBytes } from "./bytes.ts";
import { double, readDouble, STALE_BITS } from "./double.ts";
import { openLabels, readLabels, readLike } from "./line_labels.ts";
import {
  addMessage,
  addRow,
  forgetRowBefore,
  layOutSeriesOfRequest,
  openSeriesOfRequest,
  seriesCount,
} from "./request_series.ts";
import { layOutSymbols, openSymbols, symbolsStart, symbolsTo } from "./request_symbols.ts";
import { addSeries, findSeries, forgetNumbers, forgetSeries, layOutSeries, meetSeries, openSeries } from "./series_cache.ts";
import { compress, compressedBound } from "./snappy.ts";
import { endStream, streamed } from "./snappy_stream.ts";
import { DONE, FULL, NUMBER, TEXT } from "./status.ts";
import { writeVarint } from "./varint.ts";

/** The bits of the usual value that is no number. */
const NAN_BITS: u64 = 0x7ff8000000000001;

/** Of the sample of a line, as a push is rendered: the key of its series and its value. Where the lines end stands behind all samples. */
const SAMPLE_BYTES: usize = 16;

/** Where the next line starts. */
export let writeAt: usize = 0;
/** Which of the samples is of that line; -1 if there are none. */
export let writeSample: i32 = 0;
/** Where the number starts that the caller is asked for. */
export let writeNumberAt: usize = 0;
/** Where it ends. */
export let writeNumberEnd: usize = 0;

let isSecond: bool = false;
let seed: u64 = 0;
/** Whether what the lines at hand come to may be kept. */
let keeps: bool = false;
let scratchFrom: usize = 0, labelsFrom: usize = 0;
let samplesFrom: usize = 0, endsFrom: usize = 0;
let givenAt: usize = 0;
let given: f64 = 0;

/** Lays out memory for requests, and returns where it ends. */
export function layOutRequests(at: usize, keyed: u32): usize {
  seed = <u64> keyed << 32 ^ 0xd6e8feb86659fd93;
  return layOutSeriesOfRequest(layOutSeries(layOutSymbols(at, keyed)));
}

/** Starts on a request of the first or the second version. */
export function openRequest(second: bool): void {
  isSecond = second;
  openSymbols();
  openSeriesOfRequest(second);
  forgetNumbers();
}

/** Adds a series that the caller has written, where there is room for it. */
export function appendSeries(at: usize, length: usize): bool {
  return addMessage(at, length);
}

/**
 * Ends the request as a block of snappy, whose start it writes behind all else in memory; returns where that ends. The rest is from
 * `elementsFrom` to `elementsTo`.
 */
export function finishRequest(to: usize): usize {
  const symbolsFrom = symbolsStart(), symbolsEnd = isSecond ? symbolsTo : symbolsFrom;
  endStream();
  reserve(to + compressedBound(symbolsEnd - symbolsFrom));
  to = writeVarint(to, symbolsEnd - symbolsFrom + streamed);
  return compress(symbolsFrom, symbolsEnd, to);
}

/**
 * Starts on the lines of a cluster. At `scratch` there is room for as many bytes as they have, at `labels` for sixteen for each label of
 * a line. At `samples` there are so many, then where their lines end. Unless `mayKeep`, nobody will ask what is known of their series then.
 */
export function openCluster(scratch: usize, labels: usize, samples: usize, count: usize, mayKeep: bool): void {
  samplesFrom = samples;
  endsFrom = samples + SAMPLE_BYTES * count;
  scratchFrom = scratch;
  labelsFrom = labels;
  keeps = mayKeep;
  openLabels(scratch, labels);
  forgetRowBefore();
  openSeries();
}

/** Says what the number is that the kernel cannot read. */
export function setWriteNumber(value: f64): void {
  givenAt = writeNumberAt;
  given = value;
}

/**
 * Adds a series for each line from `at` to `end`, until there are `most` in the request or it has no more room: then
 * {@linkcode FULL}, and `writeAt` is where to go on in the next one. A line of megabytes, which fits none, is left out. The time of a
 * line is `baseMs` and what is at `runsAt` of the first run that ends behind it, whose end counts from `textAt`. With `ends`, the series
 * end there instead of having their values. `type` is what the second version says of them.
 *
 * `sample` is the one of the first line, if it is not -1. Then the lines need not be there before it stops with {@linkcode TEXT},
 * which it does unless `hasText`.
 */
export function writeSeries(
  at: usize,
  end: usize,
  textAt: usize,
  runsAt: usize,
  baseMs: f64,
  type: u32,
  ends: bool,
  most: u32,
  sample: i32,
  hasText: bool,
): i32 {
  writeAt = at;
  writeSample = sample;
  const base = <i64> baseMs;
  while (writeAt < end) {
    while (textAt + load<u32>(runsAt + 4) <= writeAt) runsAt += 8;
    if (seriesCount >= most) return FULL;
    const timeMs = <u64> (base + <i64> load<u32>(runsAt));
    let key: u64 = 0, bits: u64 = STALE_BITS, valueAt: usize = 0, next: usize = 0;
    if (writeSample >= 0) {
      const sampleAt = samplesFrom + SAMPLE_BYTES * writeSample;
      key = load<u64>(sampleAt);
      bits = bitsOf(load<f64>(sampleAt + 8));
      next = textAt + load<u32>(endsFrom + 4 * <usize> writeSample);
    } else if (keeps) {
      const stop = find(writeAt, 0x0a);
      next = stop + 1;
      valueAt = stop;
      while (load<u8>(valueAt - 1) !== 0x20) valueAt--;
      key = hashBytes(seed, writeAt, valueAt - writeAt);
    }
    let row = keeps ? findSeries(key) : 0;
    if (row === 0) {
      if (!hasText) return TEXT;
      valueAt = readLike(writeAt);
      const isLike = valueAt !== 0;
      if (!isLike) valueAt = readLabels(writeAt);
      if (next === 0) next = find(valueAt, 0x0a) + 1;
      row = rowOf(key, isLike);
    }
    if (writeSample < 0 && !ends) {
      if (givenAt === valueAt) bits = bitsOf(given);
      else if (readDouble(valueAt, next - 1)) bits = reinterpret<u64>(double);
      else {
        writeNumberAt = valueAt;
        writeNumberEnd = next - 1;
        return NUMBER;
      }
    }
    if (row !== 0 && addRow(row, bits, timeMs, type)) meetSeries(row);
    // No later request has more room.
    else if (seriesCount > 0) return FULL;
    givenAt = 0;
    writeAt = next;
    if (writeSample >= 0) writeSample++;
  }
  return DONE;
}

/** The row of the line that was read; 0 if there is no room for it, as there is for no other with so many labels. */
function rowOf(key: u64, isLike: bool): usize {
  const row = addSeries(key, isLike);
  if (row !== 0) return row;
  forgetSeries();
  forgetRowBefore();
  openLabels(scratchFrom, labelsFrom);
  readLabels(writeAt);
  const again = addSeries(key, false);
  // No line is like one that has no row.
  if (again === 0) openLabels(scratchFrom, labelsFrom);
  return again;
}

function bitsOf(value: f64): u64 {
  return isNaN(value) ? NAN_BITS : reinterpret<u64>(value);
}
