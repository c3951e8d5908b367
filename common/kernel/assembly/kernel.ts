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
import { addSample, ages, clearSlots, ends, layOutTable, lines, replaced, size } from "./sample_table.ts";
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
  setKey,
  setOut,
  shape,
  skipSample,
  textAt,
} from "./samples.ts";
import { learnShape, setToken, shapesEnd } from "./shapes.ts";
import { fillCopyTable, uncompress } from "./snappy.ts";
import { setPowers } from "./double.ts";
import { lineAt, numberAt, numberEnd, openLines, sampleTo, setNumber, transcode } from "./transcode.ts";

// Not by `export from`, with which this compiler takes the same file for another one.
export {
  addSample,
  ages,
  choose,
  clearSlots,
  configure,
  crc32c,
  drop,
  dropped,
  ends,
  faultAt,
  faultDetail,
  keep,
  keyStart,
  labelCount,
  layOutTable,
  learnShape,
  lineAt,
  lines,
  numberAt,
  numberEnd,
  openFamily,
  openLines,
  openPush,
  out,
  quoted,
  readSamples,
  received,
  replaced,
  reserve,
  sampleAt,
  sampleEnd,
  sampleTo,
  setKey,
  setNumber,
  setOut,
  setPowers,
  setToken,
  setValuesHash,
  shape,
  shapesEnd,
  size,
  skipSample,
  spans,
  textAt,
  timestampMs,
  transcode,
  uncompress,
  value,
  valuesHash,
  writeValue,
};

fillCrcTable();
fillCopyTable();

/** Where the memory starts that is the caller's to lay out. */
export function freeFrom(): usize {
  return __heap_base + 15 & ~15;
}
