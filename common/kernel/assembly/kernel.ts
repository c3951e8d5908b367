/**
 * What the kernel's caller sees: see `../kernel.ts`, which also says how this is compiled.
 *
 * @module
 */

import { reserve } from "./arena.ts";
import { crc32c, fillCrcTable } from "./crc32c.ts";
import { setValuesHash, valuesHash, writeValue } from "./label_value.ts";
import { faultAt, faultDetail } from "./protobuf.ts";
import { labelCount, spans, timestampMs, value } from "./sample.ts";
import { addSample, ages, clearSlots, ends, layOutTable, lines, numbers, replaced, size } from "./sample_table.ts";
import {
  choose,
  configure,
  dropped,
  drop,
  keep,
  keyStart,
  openFamily,
  openPush,
  out,
  quoted,
  readSamples,
  received,
  sampleAt,
  sampleEnd,
  seedSeriesHash,
  setKey,
  setOut,
  shape,
  skipSample,
  takeSeriesHash,
  textAt,
} from "./samples.ts";
import { numberOf } from "./request_symbols.ts";
import { learnShape, setToken, shapesEnd } from "./shapes.ts";
import { compressBlock, fillCopyTable, uncompress } from "./snappy.ts";
import { setPowers } from "./double.ts";
import { addSeriesKeys, clearSeriesKeys, missingSeries, sameSeries } from "./series_keys.ts";
import { timeLines } from "./timed_lines.ts";
import { lineAt, numberAt, numberEnd, openLines, sampleTo, setNumber, transcode } from "./transcode.ts";
import { elementsFrom, seriesCount } from "./request_series.ts";
import {
  changeOfSeries,
  knowSeries,
  pass,
  rowCount,
  rowsFrom,
  rowsTo,
  shapesFrom,
  shapesTo,
  stringsFrom,
  stringsTo,
} from "./series_cache.ts";
import { elementsTo } from "./snappy_stream.ts";
import { endingFrom, endingTo, goingFamilies, goingFrom, goingTo } from "./written_families.ts";
import {
  leftFrom,
  leftTo,
  limitWrites,
  readWrite,
  writtenExemplars,
  writtenReplaced,
  writtenSamples,
} from "./usual_write.ts";
import {
  appendSeries,
  finishRequest,
  layOutRequests,
  openCluster,
  openRequest,
  setWriteNumber,
  writeAt,
  writeNumberAt,
  writeNumberEnd,
  writeSample,
  writeSeries,
} from "./write_series.ts";

// Not by `export from`, with which this compiler takes the same file for another one.
export {
  addSample,
  addSeriesKeys,
  ages,
  appendSeries,
  changeOfSeries,
  choose,
  clearSeriesKeys,
  clearSlots,
  compressBlock,
  configure,
  crc32c,
  drop,
  dropped,
  elementsFrom,
  elementsTo,
  endingFrom,
  endingTo,
  ends,
  faultAt,
  faultDetail,
  finishRequest,
  goingFamilies,
  goingFrom,
  goingTo,
  keep,
  keyStart,
  knowSeries,
  labelCount,
  layOutRequests,
  layOutTable,
  learnShape,
  leftFrom,
  leftTo,
  limitWrites,
  lineAt,
  lines,
  missingSeries,
  numberAt,
  numberEnd,
  numberOf,
  numbers,
  openCluster,
  openFamily,
  openLines,
  openPush,
  openRequest,
  out,
  pass,
  quoted,
  readSamples,
  readWrite,
  received,
  replaced,
  reserve,
  rowCount,
  rowsFrom,
  rowsTo,
  sameSeries,
  sampleAt,
  sampleEnd,
  sampleTo,
  seedSeriesHash,
  seriesCount,
  setKey,
  setNumber,
  setOut,
  setPowers,
  setToken,
  setValuesHash,
  setWriteNumber,
  shape,
  shapesEnd,
  shapesFrom,
  shapesTo,
  size,
  skipSample,
  spans,
  stringsFrom,
  stringsTo,
  takeSeriesHash,
  textAt,
  timeLines,
  timestampMs,
  transcode,
  uncompress,
  value,
  valuesHash,
  writeAt,
  writeNumberAt,
  writeNumberEnd,
  writeSample,
  writeSeries,
  writeValue,
  writtenExemplars,
  writtenReplaced,
  writtenSamples,
};

fillCrcTable();
fillCopyTable();

/** Where the memory starts that is the caller's to lay out. */
export function freeFrom(): usize {
  return __heap_base + 15 & ~15;
}
