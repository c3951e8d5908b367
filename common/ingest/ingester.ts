/**
 * Ingests a push: one pass over its bytes that checks every series, keeps those on the allow-list, sets and elides labels,
 * and writes the lines that `/federate` will show.
 *
 * Rules for the push as a whole, which is refused where it breaks one, and rules for each sample ({@linkcode
 * import("./sample_rules.ts").SAMPLE_RULES}), which alone is left out, are those of openshift/telemeter, and stricter where
 * that can be fooled.
 *
 * @module
 */

import {
  type DistributionType,
  type HistogramValue,
  isDistribution,
  type Label,
  LimitError,
  METRIC_TYPES,
  type MetricType,
  POINT_LABEL,
} from "../exposition/metric_family.ts";
import { escapeMetricName, isClassicMetricName, SOURCE_METRIC_PREFIX } from "../exposition/names.ts";
import { histogramFault } from "../exposition/distribution_faults.ts";
import { decodeMetric, encodeMetric } from "../exposition/protobuf.ts";
import { parseText } from "../exposition/text_format.ts";
import { BYTES, FAMILY, tagOf, VARINT } from "../exposition/protobuf_fields.ts";
import { SHAPE_ID } from "../kernel/assembly/layout.ts";
import * as status from "../kernel/assembly/status.ts";
import { Kernel } from "../kernel/kernel.ts";
import { allows, type FamilyVerdict } from "./allow_list.ts";
import { BytesMap } from "./bytes_map.ts";
import { FamilyNames } from "./family_names.ts";
import { DistributionWriter, faultOfPoints, lineHeads, type Points } from "./distribution.ts";
import type { IngestedPush, IngestRules } from "./ingested_push.ts";
import { invalid } from "./invalid_push.ts";
import { type LabelShape, LabelShapes, type LabelSpans, shapeMemory, teach } from "./label_shape.ts";
import { LineWriter } from "./line_writer.ts";
import { PushReader, VALUE_TAG } from "./push_reader.ts";
import { type Broken, brokenRule, type FaultContext, kernelFault, tooManySeries } from "./kernel_fault.ts";
import { lineHead } from "./line_head.ts";
import { plainText } from "../plain_text.ts";
import { Losses, tellName, tellSeries } from "./losses.ts";
import { PushArranger, type ReadFamily } from "./push_arranger.ts";
import { SAMPLE_RULES, type SampleRule } from "./sample_rules.ts";
import { atOnce, type Steps } from "../steps.ts";

/** Sets of token label names whose shapes are kept apart. In practice there is one. */
const MAX_IDENTITIES = 16;
/** How old a sample can be said to be: milliseconds in 32 bits, less what it may be ahead. */
const MAX_AGE_MS = 2 ** 31;
/** How much of a push is ingested in one step, where samples end: 10 ms' worth if each of them teaches the kernel something. */
const STEP_BYTES = 32_768;
/** What the kernel takes for no limit. */
const NO_LIMIT = 0xffffffff;

const NAME_TAG = tagOf(FAMILY.name, BYTES), HELP_TAG = tagOf(FAMILY.help, BYTES), TYPE_TAG = tagOf(FAMILY.type, VARINT);
const METRIC_TAG = tagOf(FAMILY.metric, BYTES), UNIT_TAG = tagOf(FAMILY.unit, BYTES);

/** Names of families that are kept as strings, as most clusters have the same ones. */
const MAX_NAMES = 10_000;

const encoder = new TextEncoder();
// A byte order mark is a part of a name like any other character.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** The longest head of a line, in bytes, when no byte of it is escaped. */
const MAX_HEAD_BYTES = 65_536;

/** The family at hand. */
interface Family {
  readonly name: string;
  readonly type: MetricType;
  readonly verdict: FamilyVerdict;
  /** Whether other families have left it the names of its lines. */
  readonly isFree: boolean;
  /** Counts samples: what the kernel had received before its first. */
  readonly receivedBefore: number;
  /** Where its first sample starts. */
  readonly start: number;
  /** What its lines start with, in the kernel's memory. */
  readonly headAt: number;
  readonly headLength: number;
  /** Whether that has its name in quotes. */
  readonly inQuotes: boolean;
}

/** The name of a family, which most pushes have in common. */
interface FamilyName {
  readonly name: string;
  /** What lines start with, where the name has to stand in quotes. */
  readonly head: Uint8Array | undefined;
}

/** What is wrong with a family as a whole, none of whose samples can be taken. */
class BrokenFamily {
  constructor(readonly rule: SampleRule, readonly what: string) {}
}

/** How a push is ingested. */
export interface IngestOptions {
  /** The labels of the token, which every series must carry. */
  readonly identity: ReadonlyMap<string, string>;
  /** The clock by which timestamps are judged, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** Hears of each sample that is left out, in order. @default an account of this push alone */
  readonly losses?: Losses;
  /**
   * Whether it is what the server has shown and reads again: its samples keep their times, whatever the rules say of times now.
   *
   * @default {false}
   */
  readonly isOwn?: boolean;
  /** Hears of each family of which the allow-list drops samples, and of how many. @default nobody hears */
  readonly onDropped?: (family: string, samples: number) => void;
}

/**
 * Ingests pushes one after the other, in the memory of a kernel. The kernel goes through the samples, and asks for what it
 * does not know.
 */
export class Ingester {
  readonly #rules: IngestRules;
  readonly #kernel: Kernel;
  readonly #reader: PushReader;
  readonly #tokens = new Map<string, { readonly id: number; readonly shapes: LabelShapes }>();
  /** By the kernel's number. */
  readonly #shapes: LabelShape[] = [];
  readonly #names = new BytesMap<FamilyName>(MAX_NAMES);
  readonly #out: LineWriter;
  readonly #distributions: DistributionWriter;
  /** Where the head of a family's lines stands, if its name has to stand in quotes. */
  readonly #headAt: number;
  #tokenCount = 0;
  #spans: LabelSpans;
  readonly #arranger = new PushArranger();

  // The push at hand.
  #newShapes!: LabelShapes;
  #start = 0;
  #length = 0;
  #oldestMs = 0;
  #newestMs = 0;
  #familyCount = 0;
  #familyNames!: FamilyNames;
  #losses!: Losses;
  /** Where the samples of the family at hand are cut, if they are more than one step. */
  readonly #cuts: number[] = [];
  /** Samples of families that were left out as a whole, which the kernel has not seen. */
  #unreadSamples = 0;
  /** Native histograms by their sample in the table, each encoded to be carried on. */
  readonly #natives = new Map<number, Uint8Array>();
  #nativeBytes = 0;

  /** Ingests by rules that do not change, in the free memory of a kernel. */
  constructor(rules: IngestRules, kernel: Kernel = new Kernel()) {
    this.#rules = rules;
    this.#kernel = kernel;
    this.#reader = new PushReader(rules.limits);
    this.#out = new LineWriter(kernel);
    this.#distributions = new DistributionWriter(this.#out);
    const { limits: { maxLabels, maxSeries }, maxLabelBytes, maxTextBytes } = rules;
    kernel.freeFrom = kernel.exports.configure(
      kernel.freeFrom,
      maxLabels,
      Math.min(maxSeries, NO_LIMIT),
      Math.min(maxLabelBytes, NO_LIMIT),
      Math.min(maxTextBytes, NO_LIMIT),
      shapeMemory({ maxLabels, maxLabelBytes }),
    );
    this.#headAt = kernel.freeFrom;
    // A name of the greatest length, each of whose bytes is escaped, and what stands about it.
    kernel.freeFrom += 2 * Math.min(rules.maxNameBytes, MAX_HEAD_BYTES) + 64;
    this.#spans = this.#spansNow();
  }

  /**
   * Ingests delimited families. Samples that break a rule are left out, and counted.
   *
   * @throws {import("./invalid_push.ts").InvalidPushError} if the push must be refused.
   * @throws {LimitError} if it passes a limit.
   */
  ingest(bytes: Uint8Array, options: IngestOptions): IngestedPush {
    return atOnce(this.ingestSteps(bytes, options));
  }

  /** Does what {@linkcode Ingester.ingest} does in steps. Until the last of them no other push may be ingested. */
  *ingestSteps(bytes: Uint8Array, options: IngestOptions): Steps<IngestedPush> {
    if (bytes.length === 0) throw invalid("empty", "it holds no family", 0);
    this.#open(bytes, options);
    const { limits } = this.#rules;
    const reader = this.#reader, { exports } = this.#kernel;
    reader.at = 0;
    let pauseAt = STEP_BYTES;
    const families: ReadFamily[] = [];
    for (this.#familyCount = 0; reader.at < this.#length; this.#familyCount++) {
      if (this.#familyCount === limits.maxFamilies) {
        let families = this.#familyCount;
        for (; reader.at < this.#length; families++) reader.at = reader.lengthEnd(this.#length);
        throw new LimitError(`Cannot take a push of more than ${limits.maxFamilies} families: there are ${families}`, {
          limit: "families",
          sent: families,
        });
      }
      const end = reader.lengthEnd(this.#length);
      const family = this.#family(end);
      reader.at = end;
      if (end >= pauseAt) {
        pauseAt = end + STEP_BYTES;
        yield;
      }
      if (family === undefined) continue;
      const { name, type } = family;
      const before = exports.size.value, droppedBefore = exports.dropped.value;
      let quoted = false;
      for (let at = family.start, i = 0; at < end; i++) {
        if (i > 0) yield;
        const partEnd = this.#cuts[i] ?? end;
        this.#samples(family, { at, end: partEnd });
        quoted ||= exports.quoted.value !== 0;
        at = partEnd;
      }
      const endSample = exports.size.value, dropped = exports.dropped.value - droppedBefore;
      if (dropped > 0) options.onDropped?.(name, dropped);
      if (endSample === before) continue;
      if (!isDistribution(type)) this.#familyNames.take({ name, type });
      families.push({ name, type, endSample, quoted, seriesHash: exports.takeSeriesHash() });
    }
    if (pauseAt > STEP_BYTES) yield;
    const arranged = this.#arranger.arrange(families, this.#kernel, {
      natives: this.#natives,
      hidesNatives: (family) => !this.#familyNames.isFree(family),
      baseMs: this.#oldestMs,
      freshFrom: options.nowMs - (this.#rules.ttlMs ?? Infinity) - this.#oldestMs,
      unread: this.#unreadSamples,
      notesSamples: this.#rules.notesSamples ?? false,
    });
    return { ...arranged, leftOut: this.#losses.leftOut };
  }

  /** Puts the push into the kernel's memory, if it is not there, and behind it the values of the token's labels. */
  #open(bytes: Uint8Array, { identity, nowMs, losses = new Losses(), isOwn = false }: IngestOptions) {
    const kernel = this.#kernel;
    const { maxAheadMs, ttlMs = Infinity } = this.#rules;
    const maxAgeMs = isOwn ? Math.min(MAX_AGE_MS, Math.max(this.#rules.maxAgeMs, ttlMs)) : this.#rules.maxAgeMs;
    const { length } = bytes;
    const inPlace = bytes.buffer === kernel.bytes.buffer;
    const start = inPlace ? bytes.byteOffset : kernel.freeFrom;
    const values = Array.from(identity.values(), (value) => encoder.encode(value));
    const identityAt = start + length + 31 & ~15;
    const end = values.reduce((sum, value) => sum + 8 + value.length, identityAt);
    kernel.reserve(end);
    if (!inPlace) kernel.bytes.set(bytes, start);
    let valueAt = identityAt + 8 * values.length;
    values.forEach((value, i) => {
      kernel.view.setUint32(identityAt + 8 * i, valueAt, true);
      kernel.view.setUint32(identityAt + 8 * i + 4, value.length, true);
      kernel.bytes.set(value, valueAt);
      valueAt += value.length;
    });
    this.#losses = losses;
    this.#unreadSamples = 0;
    this.#familyNames = new FamilyNames();
    this.#natives.clear();
    this.#nativeBytes = 0;
    const { id, shapes } = this.#tokenOf(identity);
    this.#newShapes = shapes;
    shapes.open();
    kernel.exports.setToken(id);
    this.#start = start;
    this.#length = length;
    this.#oldestMs = Math.floor(nowMs - maxAgeMs);
    this.#newestMs = nowMs + maxAheadMs;
    const honors = Number(isOwn || (this.#rules.honorTimestamps ?? true));
    kernel.exports.openPush(length, identityAt, end, this.#oldestMs, this.#newestMs, nowMs, honors);
    this.#reader.look(kernel.bytes.subarray(start, start + length));
    if (this.#spans.buffer !== kernel.bytes.buffer) this.#spans = this.#spansNow();
  }

  /** The kernel's memory is another one whenever it has grown. */
  #look() {
    if (this.#reader.bytes.buffer === this.#kernel.bytes.buffer) return;
    this.#reader.look(this.#kernel.bytes.subarray(this.#start, this.#start + this.#length));
    this.#spans = this.#spansNow();
  }

  #spansNow(): LabelSpans {
    const { exports, bytes } = this.#kernel;
    return new Int32Array(bytes.buffer, exports.spans.value, 4 * this.#rules.limits.maxLabels);
  }

  #tokenOf(identity: ReadonlyMap<string, string>): { readonly id: number; readonly shapes: LabelShapes } {
    const names = [...identity.keys()];
    const key = names.join();
    let token = this.#tokens.get(key);
    if (token === undefined) {
      if (this.#tokens.size === MAX_IDENTITIES) this.#tokens.clear();
      this.#tokens.set(key, token = { id: ++this.#tokenCount, shapes: new LabelShapes(this.#rules, names) });
    }
    return token;
  }

  /** Reads the family that ends at `end` but for its samples: its own fields, whose order is free. */
  #family(end: number): Family | undefined {
    const reader = this.#reader;
    const start = reader.at;
    let nameStart = start, nameEnd = start, typeNumber = 0, firstMetric = -1, metrics = 0;
    let cutAt = start + STEP_BYTES;
    this.#cuts.length = 0;
    while (reader.at < end) {
      const at = reader.at;
      const tag = reader.tag(end);
      if (tag === METRIC_TAG) {
        if (firstMetric < 0) firstMetric = at;
        else if (at >= cutAt) {
          this.#cuts.push(at);
          cutAt = at + STEP_BYTES;
        }
        metrics++;
        reader.at = reader.lengthEnd(end);
      } else if (tag === NAME_TAG) {
        nameEnd = reader.lengthEnd(end);
        nameStart = reader.at;
        reader.at = nameEnd;
      } else if (tag === TYPE_TAG) typeNumber = reader.varint(end);
      else if (tag === HELP_TAG || tag === UNIT_TAG) reader.at = reader.lengthEnd(end);
      else reader.skip(tag, { end, known: 5 }); // A field of the family, none of which changes the numbers in its samples.
    }
    if (firstMetric < 0) return undefined;
    const found = this.#familyName(nameStart, nameEnd);
    const type = METRIC_TYPES[typeNumber];
    if (found instanceof BrokenFamily) {
      const series = tellName(reader.bytes.subarray(nameStart, nameEnd));
      return this.#leaveOutFamily(found, { samples: metrics, series });
    }
    const { name, head } = found;
    if (type === undefined) {
      const broken = new BrokenFamily("family_type", `the metric has the type number ${typeNumber}`);
      return this.#leaveOutFamily(broken, { samples: metrics, series: plainText(name) });
    }
    const isFree = this.#familyNames.isFree({ name, type });
    // What a native histogram says may be said in lines of other families as well.
    if (!isFree && (type === "summary" || !isDistribution(type))) {
      const broken = new BrokenFamily("family_collision", SAMPLE_RULES.family_collision.what);
      return this.#leaveOutFamily(broken, { samples: metrics, series: plainText(name) });
    }
    const verdict = this.#rules.allow?.verdict(name) ?? "all";
    if (head !== undefined) this.#kernel.bytes.set(head, this.#headAt);
    return {
      name,
      type,
      verdict,
      isFree,
      receivedBefore: this.#kernel.exports.received.value,
      start: firstMetric,
      headAt: head === undefined ? this.#start + nameStart : this.#headAt,
      headLength: head === undefined ? nameEnd - nameStart : head.length,
      inQuotes: head !== undefined,
    };
  }

  #familyName(start: number, end: number): FamilyName | BrokenFamily {
    const { maxNameBytes } = this.#rules;
    if (end === start) return new BrokenFamily("family_name", "a metric has no name");
    if (end - start > maxNameBytes) {
      return new BrokenFamily("family_name", `the name of a metric is longer than ${maxNameBytes} bytes`);
    }
    const known = this.#names.get(this.#reader.bytes, start, end);
    if (known !== undefined) return known;
    const bytes = this.#reader.bytes.subarray(start, end);
    try {
      const name = decoder.decode(bytes);
      // A distribution's lines begin with its name and an underscore.
      if (`${escapeMetricName(name)}_`.startsWith(SOURCE_METRIC_PREFIX)) {
        return new BrokenFamily("reserved_name", SAMPLE_RULES.reserved_name.what);
      }
      const found = { name, head: isClassicMetricName(name) ? undefined : encoder.encode(lineHead(name)) };
      this.#names.set(bytes, found);
      return found;
    } catch {
      return new BrokenFamily("family_name", "the name of a metric is not UTF-8");
    }
  }

  /** Has the kernel read, check and write samples of a family, and answers what it asks. */
  #samples(family: Family, { at, end }: { at: number; end: number }) {
    const { exports } = this.#kernel;
    const { type, verdict, headAt, headLength, inQuotes } = family;
    exports.openFamily(
      this.#start + at,
      this.#start + end,
      headAt,
      headLength,
      Number(inQuotes),
      VALUE_TAG[type],
      Number(isDistribution(type)),
      verdict === "all" ? 0 : verdict === "none" ? 1 : 2,
    );
    for (;;) {
      const asked = exports.readSamples();
      this.#look();
      if (asked === status.DONE) return;
      if (asked === status.LEARN) this.#learn(family);
      else if (asked === status.NUMBER) this.#number(exports.value.value);
      else if (asked === status.CHOOSE) exports.choose(Number(this.#keeps(family)));
      else if (asked === status.POINTS) {
        const start = exports.sampleAt.value - this.#start, end = exports.sampleEnd.value - this.#start;
        this.#reader.points({ start, end, type: family.type as DistributionType });
      } else if (asked === status.LINES) this.#distribution(family);
      else {
        const context = this.#contextOf(family);
        const broken = brokenRule(asked, context);
        if (broken === undefined) throw kernelFault(asked, context);
        this.#leaveOut(family, broken);
      }
    }
  }

  /** Passes over the sample at hand. */
  #leaveOut(family: Family, { rule, what }: Broken) {
    const { exports } = this.#kernel;
    const sample = exports.received.value - family.receivedBefore - 1;
    const series = this.#losses.tells(rule) ? this.#seriesNow(family) : "";
    this.#losses.note({ rule, what, family: this.#familyCount, sample, series });
    exports.skipSample();
  }

  #leaveOutFamily({ rule, what }: BrokenFamily, { samples, series }: { samples: number; series: string }): undefined {
    this.#unreadSamples += samples;
    const { limits: { maxSeries } } = this.#rules;
    if (this.#unreadSamples + this.#kernel.exports.received.value > maxSeries) throw tooManySeries(maxSeries);
    for (let sample = 0; sample < samples; sample++) {
      this.#losses.note({ rule, what, family: this.#familyCount, sample, series });
    }
    return undefined;
  }

  #seriesNow({ name }: Family): string {
    const { bytes, exports } = this.#kernel;
    return tellSeries(name, { bytes, spans: this.#spans, labelCount: exports.labelCount.value });
  }

  #learn(family: Family) {
    const { exports, bytes } = this.#kernel;
    const shape = this.#newShapes.build(bytes, this.#spans, exports.labelCount.value);
    if (shape.fault === undefined) this.#shapes[teach(this.#kernel, shape)] = shape;
    else if (shape.fault.rule === "identity") {
      const what = `${shape.fault.what}: ${this.#seriesNow(family)}`;
      throw invalid("identity", what, exports.sampleAt.value - this.#start);
    } else this.#leaveOut(family, shape.fault as Broken);
  }

  /** The shape of the sample at hand. */
  #shape(): LabelShape {
    const { exports, view } = this.#kernel;
    return this.#shapes[view.getUint32(exports.shape.value + SHAPE_ID, true)];
  }

  #number(value: number) {
    const { exports } = this.#kernel;
    this.#out.at = exports.out.value;
    this.#out.number(value);
    exports.setOut(this.#out.at);
  }

  #keeps({ verdict }: Family): boolean {
    return verdict === "all" || allows(verdict, this.#kernel.bytes, this.#spans, this.#shape());
  }

  /** Writes the lines of the summary or histogram at hand, whose labels the kernel has written. */
  #distribution(family: Family) {
    const { exports, bytes } = this.#kernel;
    const type = family.type as DistributionType;
    const start = exports.keyStart.value;
    const labels = bytes.subarray(start, exports.out.value);
    const reading = this.#pointsNow(family);
    if ("rule" in reading) return this.#leaveOut(family, reading);
    const { points, native } = reading;
    if (!this.#keeps(family)) return exports.drop();
    const encoded = native && encodeMetric({ labels: parseLabels(labels), value: native }, type);
    this.#distributions.take(labels);
    const out = this.#out;
    out.at = start;
    const most = exports.textAt.value + this.#rules.maxTextBytes - this.#nativeBytes - (encoded?.length ?? 0);
    const { keyStart, keyEnd, lines } = this.#distributions.write(points, {
      heads: lineHeads(family.name, type),
      type,
      check: () => {
        if (out.at > most) throw kernelFault(status.TOO_MUCH_TEXT, this.#contextOf(family));
      },
    });
    exports.setOut(out.at);
    exports.setKey(keyStart, keyEnd);
    const row = exports.size.value;
    const fault = exports.keep(lines);
    this.#look();
    if (fault !== 0) throw kernelFault(fault, this.#contextOf(family));
    if (encoded === undefined) this.#familyNames.take(family);
    else {
      this.#natives.set(row, encoded);
      this.#nativeBytes += encoded.length;
    }
  }

  /** What the summary or histogram at hand says, which the reader has read; or which rule it breaks. */
  #pointsNow({ type, isFree }: Family): { readonly points: Points; readonly native?: HistogramValue } | Broken {
    const reader = this.#reader;
    const { exports } = this.#kernel;
    const label = POINT_LABEL[type as DistributionType];
    if (this.#shape().indexOf.has(label)) {
      return { rule: "label_name", what: `a series of a ${type} has a label ${label}, which is the type's own` };
    }
    if (reader.hasUnknown) return { rule: "unknown_field", what: SAMPLE_RULES.unknown_field.what };
    const rule = type === "summary" ? "summary" : "histogram";
    let points: Points = reader, native: HistogramValue | undefined, what: string | undefined;
    if (reader.isPlain) what = faultOfPoints(reader, type as DistributionType);
    else {
      const start = exports.sampleAt.value - this.#start, end = exports.sampleEnd.value - this.#start;
      const { value, fault } = decodeMetric(reader.bytes, { start, end, type, limits: this.#rules.limits });
      if (typeof value !== "object" || !("buckets" in value)) {
        const broken = fault === "unknown_field" ? fault : rule;
        return { rule: broken, what: SAMPLE_RULES[broken].what };
      }
      what = histogramFault(value);
      points = pointsOf(value);
      if (value.native !== undefined) native = value;
    }
    if (what !== undefined) return { rule, what };
    if (native === undefined && !isFree) {
      return { rule: "family_collision", what: SAMPLE_RULES.family_collision.what };
    }
    return { points, native };
  }

  #contextOf(family: Family): FaultContext {
    const push = { start: this.#start, oldestMs: this.#oldestMs, newestMs: this.#newestMs };
    const series = () => this.#seriesNow(family);
    return { kernel: this.#kernel, rules: this.#rules, push, type: family.type, series };
  }
}

/** The labels that the kernel has written for a sample of several lines: `a="b",` each. */
function parseLabels(written: Uint8Array): readonly Label[] {
  const line = encoder.encode(`x{${decoder.decode(written)}} 1\n`);
  return parseText(line, { maxFamilies: 1, maxSeries: 1, maxLabels: Infinity })[0].metrics[0].labels;
}

/**
 * The classic buckets of a histogram as columns. Sums of floats depend on their order: where the last bucket and the count are
 * meant to be one number, they are shown as one, or a strict reader would refuse the page.
 */
function pointsOf({ buckets, count, sum, isFloat }: HistogramValue): Points {
  const keys = buckets.map(({ upperBound }) => upperBound), values = buckets.map(({ count }) => count);
  const last = buckets.at(-1);
  const isOne = isFloat && last !== undefined && (last.upperBound === Infinity || last.count > count);
  return { keys, values, pointCount: buckets.length, count: isOne ? last.count : count, sum };
}
