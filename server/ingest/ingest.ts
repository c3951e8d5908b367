/**
 * Ingests a push: one pass over its bytes that checks every series, keeps those on the allow-list, sets and elides labels,
 * and writes the lines that `/federate` will show.
 *
 * The rules and their order are those of the programs in the field, and stricter where those can be fooled.
 *
 * @module
 */

import { formatDuration } from "../../common/duration.ts";
import { LimitError, METRIC_TYPES, type MetricType } from "../../common/exposition/metric_family.ts";
import { allows, equals, type FamilyVerdict } from "./allow_list.ts";
import { checkLength, checkPoints, DistributionWriter, SUFFIXES } from "./distribution.ts";
import type { Block, IngestedPush, IngestRules } from "./ingested_push.ts";
import { invalid } from "./invalid_push.ts";
import { type LabelShape, LabelShapes } from "./label_shape.ts";
import { type Constant, constant, LABEL_ROOM, LINE_ROOM, LineWriter } from "./line_writer.ts";
import { PushReader } from "./push_reader.ts";
import { SampleTable } from "./sample_table.ts";

/** Sets of token label names whose shapes are kept apart. In practice there is one. */
const MAX_IDENTITIES = 16;
/** Family names whose bytes are kept ready; at the bound all are forgotten. */
const MAX_NAMES = 10_000;

const encoder = new TextEncoder();
// A byte order mark is no part of any name, and not to be passed over.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The family at hand. */
interface Family {
  readonly name: Constant;
  readonly type: MetricType;
  readonly verdict: FamilyVerdict;
  latestMs: number;
}

/** Ingests pushes one after the other, reusing its buffers. */
export class Ingester {
  readonly #rules: IngestRules;
  readonly #reader: PushReader;
  readonly #shapesByIdentity = new Map<string, LabelShapes>();
  readonly #out = new LineWriter();
  readonly #distributions: DistributionWriter;
  readonly #unseen = new LineWriter();
  readonly #samples = new SampleTable();
  readonly #names = new Map<string, Constant>();
  #runs = new Uint32Array(4_096);

  // The push at hand.
  #shapes!: LabelShapes;
  #identity: readonly Uint8Array[] = [];
  #nowMs = 0;
  #oldestMs = 0;
  #newestMs = 0;
  #received = 0;
  #dropped = 0;
  #lines = 0;

  /** Ingests by rules that do not change. */
  constructor(rules: IngestRules) {
    this.#rules = rules;
    this.#reader = new PushReader(rules.limits);
    this.#distributions = new DistributionWriter(this.#out, rules);
  }

  /**
   * Ingests delimited families. `identity` holds the labels of the token, which every series must carry; `nowMs` is the
   * clock by which timestamps are judged.
   *
   * @throws {import("./invalid_push.ts").InvalidPushError} if the push must be refused.
   * @throws {LimitError} if it passes a limit.
   */
  ingest(
    bytes: Uint8Array,
    { identity, nowMs }: { identity: ReadonlyMap<string, string>; nowMs: number },
  ): IngestedPush {
    if (bytes.length === 0) throw invalid("empty", "it holds no family", 0);
    const { limits, maxAgeMs, maxAheadMs } = this.#rules;
    const reader = this.#reader;
    reader.open(bytes);
    this.#shapes = this.#shapesOf(identity);
    this.#shapes.open();
    this.#identity = Array.from(identity.values(), (value) => encoder.encode(value));
    this.#nowMs = nowMs;
    this.#oldestMs = Math.floor(nowMs - maxAgeMs);
    this.#newestMs = nowMs + maxAheadMs;
    this.#out.length =
      this.#received =
      this.#dropped =
      this.#lines =
        0;
    this.#samples.clear();
    const families: { name: string; type: MetricType; endSample: number }[] = [];
    const claims = new Map<string, string>();
    for (let count = 0; reader.at < bytes.length; count++) {
      if (count === limits.maxFamilies) {
        throw new LimitError(`Cannot take a push of more than ${limits.maxFamilies} families`);
      }
      const start = reader.at;
      const end = reader.lengthEnd(bytes.length);
      const before = this.#samples.size;
      const { name, type } = this.#family(end);
      reader.at = end;
      const endSample = this.#samples.size;
      if (endSample === before) continue;
      claim(claims, { name, type, at: start });
      families.push({ name, type, endSample });
    }
    return this.#finish(families);
  }

  #shapesOf(identity: ReadonlyMap<string, string>): LabelShapes {
    const names = [...identity.keys()];
    const key = names.join();
    let shapes = this.#shapesByIdentity.get(key);
    if (shapes === undefined) {
      if (this.#shapesByIdentity.size === MAX_IDENTITIES) this.#shapesByIdentity.clear();
      this.#shapesByIdentity.set(key, shapes = new LabelShapes(this.#rules, names));
    }
    return shapes;
  }

  /** Reads the family that ends at `end`: first its own fields, whose order is free, then its samples. */
  #family(end: number): { name: string; type: MetricType } {
    const reader = this.#reader;
    const start = reader.at;
    let nameStart = start, nameEnd = start, typeNumber = 0, firstMetric = -1;
    while (reader.at < end) {
      const at = reader.at;
      const tag = reader.tag(end);
      if (tag === 0x22) {
        if (firstMetric < 0) firstMetric = at;
        reader.at = reader.lengthEnd(end);
      } else if (tag === 0x0a) {
        nameEnd = reader.lengthEnd(end);
        nameStart = reader.at;
        reader.at = nameEnd;
      } else if (tag === 0x18) typeNumber = reader.varint(end);
      else if (tag === 0x12 || tag === 0x2a) reader.at = reader.lengthEnd(end);
      else reader.skip(tag, { end, known: 5 });
    }
    const name = this.#familyName(nameStart, nameEnd);
    const type = METRIC_TYPES[typeNumber];
    if (type === undefined) {
      throw invalid("family_type", `a family has the type number ${typeNumber}`, start);
    }
    if (firstMetric < 0) return { name, type };
    const family: Family = {
      name: this.#constant(name),
      type,
      verdict: this.#rules.allow?.verdict(name) ?? "all",
      latestMs: -Infinity,
    };
    reader.at = firstMetric;
    while (reader.at < end) {
      const tag = reader.tag(end);
      if (tag !== 0x22) reader.skip(tag, { end, known: 0 });
      else {
        const stop = reader.lengthEnd(end);
        this.#sample(stop, family);
        reader.at = stop;
      }
    }
    return { name, type };
  }

  #constant(name: string): Constant {
    let known = this.#names.get(name);
    if (known === undefined) {
      if (this.#names.size === MAX_NAMES) this.#names.clear();
      this.#names.set(name, known = constant(name));
    }
    return known;
  }

  #familyName(start: number, end: number): string {
    const { maxNameBytes } = this.#rules;
    if (end - start > maxNameBytes) {
      throw invalid("family_name", `a family name is longer than ${maxNameBytes} bytes`, start);
    }
    const name = decoder.decode(this.#reader.bytes.subarray(start, end));
    if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)) {
      throw invalid("family_name", "a family has no name, or one outside [a-zA-Z_:][a-zA-Z0-9_:]*", start);
    }
    return name;
  }

  /** Reads, checks and writes the sample that ends at `end`. */
  #sample(end: number, family: Family) {
    const reader = this.#reader;
    const start = reader.at;
    if (++this.#received > this.#rules.limits.maxSeries) this.#tooMany();
    reader.sample(end, family.type);
    this.#checkTime(start, family);
    if (!reader.hasValue) {
      throw invalid("value", `a sample has no value of its family's type, ${family.type}`, start);
    }
    const shape = this.#checkLabels(start);
    // Labels are written, and with that checked, before the allow-list has its say: what is dropped must be valid too.
    // Escaping doubles a value at most, so twice the message holds all names and values.
    const room = 2 * (end - start) + LABEL_ROOM * shape.segments.length + shape.constantBytes + LINE_ROOM;
    if (family.type === "histogram" || family.type === "summary") {
      const { labels } = this.#distributions;
      labels.length = 0;
      labels.reserve(room);
      labels.hash = family.name.hash;
      this.#writeLabels(labels, shape);
      checkPoints(reader, { type: family.type, shape, at: start });
      if (!this.#keeps(family, shape)) return;
      const { keyStart, keyEnd, lines } = this.#distributions.write(reader, { name: family.name, type: family.type });
      this.#keep(keyStart, keyEnd, labels.hash, lines);
      return;
    }
    const out = this.#out;
    const keyStart = out.length;
    out.reserve(family.name.length + room);
    out.constant(family.name);
    out.hash = family.name.hash;
    out.openLabels();
    this.#writeLabels(out, shape);
    out.closeLabels();
    const keyEnd = out.length;
    out.value(reader.value);
    if (this.#keeps(family, shape)) this.#keep(keyStart, keyEnd, out.hash, 1);
    else out.length = keyStart;
  }

  #checkTime(at: number, family: Family) {
    const { timestampMs } = this.#reader;
    if (timestampMs >= this.#oldestMs && timestampMs <= this.#newestMs && timestampMs >= family.latestMs) {
      family.latestMs = timestampMs;
      return;
    }
    const { maxAgeMs, maxAheadMs } = this.#rules;
    throw invalid(
      "timestamp",
      Number.isNaN(timestampMs)
        ? "a sample has no timestamp"
        : timestampMs < this.#oldestMs
        ? `a sample is more than ${formatDuration(maxAgeMs)} old`
        : timestampMs > this.#newestMs
        ? `a sample is more than ${formatDuration(maxAheadMs)} ahead of the server's clock`
        : "timestamps decrease within a family",
      at,
    );
  }

  #checkLabels(at: number): LabelShape {
    const { bytes, view, spans, labelCount } = this.#reader;
    const { maxLabelBytes } = this.#rules;
    for (let i = 0; i < 4 * labelCount; i += 2) {
      if (spans[i + 1] - spans[i] > maxLabelBytes) {
        const [reason, what] = i % 4 === 0 ? ["label_name", "name"] as const : ["label_value", "value"] as const;
        throw invalid(reason, `a label ${what} is longer than ${maxLabelBytes} bytes`, spans[i]);
      }
    }
    const shape = this.#shapes.of(view, spans, labelCount);
    if (shape.fault !== undefined) throw invalid(shape.fault.reason, shape.fault.what, at);
    const { identity } = shape;
    for (let i = 0; i < identity.length; i++) {
      const label = 4 * identity[i];
      if (!equals(bytes, spans[label + 2], spans[label + 3], this.#identity[i])) {
        throw invalid("identity", "a label of the token has another value on a series", at);
      }
    }
    return shape;
  }

  /** Writes `a="b",` for each label; an empty label is an absent one, and shown only where it must be. */
  #writeLabels(out: LineWriter, shape: LabelShape) {
    const { view, spans } = this.#reader;
    const { segments } = shape;
    for (let i = 0; i < segments.length; i++) {
      const { head, source, always } = segments[i];
      if (source < 0) {
        out.constant(head);
        continue;
      }
      const start = spans[4 * source + 2], end = spans[4 * source + 3];
      if (start === end && !always) continue;
      out.constant(head);
      if (start < end) out.hash ^= head.hash;
      const fault = out.labelValue(view, start, end);
      if (fault >= 0) throw invalid("label_value", "a label value is not UTF-8", fault);
      out.endLabel();
    }
    // What is elided is not shown, but must be valid all the same.
    if (shape.elided.length > 0) this.#checkElided(shape);
  }

  #checkElided(shape: LabelShape) {
    const { view, spans } = this.#reader;
    for (const source of shape.elided) {
      this.#unseen.length = 0;
      this.#unseen.reserve(2 * this.#rules.maxLabelBytes + LINE_ROOM);
      const fault = this.#unseen.labelValue(view, spans[4 * source + 2], spans[4 * source + 3]);
      if (fault >= 0) throw invalid("label_value", "a label value is not UTF-8", fault);
    }
  }

  #keeps(family: Family, shape: LabelShape): boolean {
    if (family.verdict === "all") return true;
    if (allows(family.verdict, this.#reader.bytes, this.#reader.spans, shape)) return true;
    this.#dropped++;
    return false;
  }

  #keep(keyStart: number, keyEnd: number, hash: number, lines: number) {
    const out = this.#out;
    checkLength(out, this.#rules);
    this.#lines += lines;
    if (this.#lines > this.#rules.limits.maxSeries) this.#tooMany();
    const row = this.#samples.add(out.view, keyStart, keyEnd, hash, lines);
    this.#samples.ends[row] = out.length;
    // What claims to be of the future ages from its arrival on: otherwise it would be shown for longer than the rest.
    this.#samples.ages[row] = Math.min(this.#reader.timestampMs, this.#nowMs) - this.#oldestMs;
  }

  /** Takes out the samples that later ones replaced, and tells the runs and blocks of the rest. */
  #finish(families: readonly { name: string; type: MetricType; endSample: number }[]): IngestedPush {
    const { ends, ages, lines, size, replaced } = this.#samples;
    const { bytes } = this.#out;
    if (this.#runs.length < 2 * size) this.#runs = new Uint32Array(2 * ends.length);
    const runs = this.#runs;
    const blocks: Block[] = [];
    let runCount = 0, length = 0, series = 0, sample = 0;
    for (const { name, type, endSample } of families) {
      const start = length, firstRun = runCount;
      for (; sample < endSample; sample++) {
        if (lines[sample] === 0) continue;
        const from = sample === 0 ? 0 : ends[sample - 1];
        if (length !== from) bytes.copyWithin(length, from, ends[sample]);
        length += ends[sample] - from;
        series += lines[sample];
        if (runCount === firstRun || runs[2 * runCount - 2] !== ages[sample]) runs[2 * runCount++] = ages[sample];
        runs[2 * runCount - 1] = length;
      }
      if (length > start) blocks.push({ name, type, start, end: length, firstRun, endRun: runCount });
    }
    return {
      text: bytes.subarray(0, length),
      blocks,
      runs: runs.subarray(0, 2 * runCount),
      baseMs: this.#oldestMs,
      series,
      received: this.#received,
      dropped: this.#dropped,
      duplicates: replaced,
    };
  }

  #tooMany(): never {
    throw new LimitError(`Cannot take a push of more than ${this.#rules.limits.maxSeries} series`);
  }
}

/** Refuses families whose lines would take each other's names: `x_count` beside a summary `x`, or two types of one name. */
function claim(claims: Map<string, string>, { name, type, at }: { name: string; type: MetricType; at: number }) {
  const compound = type === "histogram" || type === "summary";
  const kind = compound ? type : "simple";
  const taken = [name, ...compound ? SUFFIXES[type].map((suffix) => name + suffix) : []];
  for (const each of taken) {
    const wanted = each === name ? kind : `part of ${name}`;
    const other = claims.get(each);
    if (other !== undefined && other !== wanted) {
      throw invalid(
        "family_collision",
        `families take the name ${each} twice, as ${other} and as ${wanted}`,
        at,
      );
    }
    claims.set(each, wanted);
  }
}
