/**
 * Pages in delimited protobuf.
 *
 * @module
 */

import { concatenate } from "../../common/concatenate.ts";
import { isDistribution, type MetricFamily, UNLIMITED } from "../../common/exposition/metric_family.ts";
import type { LineTranscoder } from "../../common/exposition/line_transcoder.ts";
import { isClassicMetricName } from "../../common/exposition/names.ts";
import { encodeFamilies, encodeFamily } from "../../common/exposition/protobuf.ts";
import { escapeLabelValue, parseText } from "../../common/exposition/text_format.ts";
import type { Group } from "./exposition_groups.ts";
import { nativeFields } from "./native_fields.ts";
import { groupLines, type LineOptions } from "./page_lines.ts";

/** Bytes of native histograms in one message. */
const NATIVE_BYTES = 256 * 1_024;
/** Bytes of text that are read again at a time. */
const REREAD_BYTES = 1_048_576;

const encoder = new TextEncoder();

/** What a page shows. */
export interface Page {
  /** Lines by name. */
  readonly groups: readonly Group[];
  /** Families of native histograms, where they are shown as such. */
  readonly natives: readonly Group[];
  /** What the reader takes. */
  readonly lines: LineOptions;
}

/** The comment that says of which type a group is. */
export function typeLine({ name, type }: Group): Uint8Array {
  return encoder.encode(`# TYPE ${isClassicMetricName(name) ? name : `"${escapeLabelValue(name)}"`} ${type}\n`);
}

/** A family of the page as objects, some of its lines at a time. */
function* families(group: Group, { lines }: Page): Generator<MetricFamily> {
  let parts: Uint8Array[] = [typeLine(group)];
  let length = 0;
  const flush = function* (): Generator<MetricFamily> {
    yield* parseText(concatenate(parts), UNLIMITED);
    parts = [typeLine(group)];
    length = 0;
  };
  for (const slice of groupLines(group, lines)) {
    parts.push(slice);
    length += slice.length;
    if (length > REREAD_BYTES) yield* flush();
  }
  if (length > 0) yield* flush();
}

/**
 * The page as delimited protobuf: a family that is large comes as several messages, so that none grows without bound. Lines
 * become samples in the kernel, but for those of histograms and summaries, and where names stand in quotes. Native histograms
 * come in families of their own, as on Prometheus's own `/federate`.
 */
export function* protobufChunks(page: Page, transcoder: LineTranscoder): Generator<Uint8Array> {
  for (const group of page.groups) {
    const { name, type, pieces } = group;
    const isClassic = !(page.lines.allowsUtf8 && pieces.some(({ block }) => block.quoted));
    if (isClassic && !isDistribution(type)) yield* transcoder.transcode(groupLines(group, page.lines), { name, type });
    else for (const family of families(group, page)) yield encodeFamilies([family], { wholeAsIntegers: true });
  }
  for (const group of page.natives) yield* nativeChunks(group, page);
}

/** The native histograms of a family, in messages that do not grow without bound. */
function* nativeChunks(group: Group, { lines }: Page): Generator<Uint8Array> {
  const { name, type } = group;
  let parts: Uint8Array[] = [], length = 0;
  for (const field of nativeFields(group, lines)) {
    parts.push(field);
    length += field.length;
    if (length < NATIVE_BYTES) continue;
    yield encodeFamily({ name, type }, parts);
    parts = [];
    length = 0;
  }
  if (length > 0) yield encodeFamily({ name, type }, parts);
}
