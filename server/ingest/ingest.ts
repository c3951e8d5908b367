/**
 * Ingests a push: one pass over its bytes that checks every series, takes those on the allow-list, sets and elides labels,
 * and writes the lines that `/federate` will show.
 *
 * The rules and their order are those of openshift/telemeter, and stricter where that can be fooled.
 *
 * @module
 */

import {
  type DistributionType,
  isDistribution,
  LimitError,
  METRIC_TYPES,
  type MetricType,
} from "../../common/exposition/metric_family.ts";
import { BYTES, FAMILY, tagOf, VARINT } from "../../common/exposition/protobuf_fields.ts";
import { SHAPE_ID } from "../../common/kernel/assembly/layout.ts";
import * as status from "../../common/kernel/assembly/status.ts";
import { Kernel } from "../../common/kernel/kernel.ts";
import { allows, type FamilyVerdict } from "./allow_list.ts";
import { BytesMap } from "./bytes_map.ts";
import { FamilyNames } from "./family_names.ts";
import { checkPoints, DistributionWriter } from "./distribution.ts";
import type { Block, IngestedPush, IngestRules } from "./ingested_push.ts";
import { invalid } from "./invalid_push.ts";
import { type LabelShape, LabelShapes, type LabelSpans, shapeMemory, teach } from "./label_shape.ts";
import { LineWriter } from "./line_writer.ts";
import { PushReader, VALUE_TAG } from "./push_reader.ts";
import { kernelFault } from "./kernel_fault.ts";

/** Sets of token label names whose shapes are kept apart. In practice there is one. */
const MAX_IDENTITIES = 16;
/** What the kernel takes for no limit. */
const NO_LIMIT = 0xffffffff;

const NAME_TAG = tagOf(FAMILY.name, BYTES), HELP_TAG = tagOf(FAMILY.help, BYTES), TYPE_TAG = tagOf(FAMILY.type, VARINT);
const METRIC_TAG = tagOf(FAMILY.metric, BYTES), UNIT_TAG = tagOf(FAMILY.unit, BYTES);

/** Names of families that are remembered as strings, as most clusters have the same ones. */
const MAX_NAMES = 10_000;

const encoder = new TextEncoder();
// A byte order mark is no part of any name, and not to be passed over.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The family at hand. */
interface Family {
  readonly name: string;
  readonly type: MetricType;
  readonly verdict: FamilyVerdict;
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
  readonly #names = new BytesMap<string>(MAX_NAMES);
  readonly #out: LineWriter;
  readonly #distributions: DistributionWriter;
  #tokenCount = 0;
  #spans: LabelSpans;
  #runs = new Uint32Array(4_096);

  // The push at hand.
  #newShapes!: LabelShapes;
  #start = 0;
  #length = 0;
  #oldestMs = 0;
  #newestMs = 0;

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
    this.#spans = this.#spansNow();
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
    this.#open(bytes, { identity, nowMs });
    const { limits } = this.#rules;
    const reader = this.#reader;
    reader.at = 0;
    const families: { name: string; type: MetricType; endSample: number }[] = [];
    const names = new FamilyNames();
    for (let count = 0; reader.at < this.#length; count++) {
      if (count === limits.maxFamilies) {
        throw new LimitError(`Cannot take a push of more than ${limits.maxFamilies} families`);
      }
      const start = reader.at;
      const end = reader.lengthEnd(this.#length);
      const before = this.#kernel.exports.size.value;
      const { name, type } = this.#family(end);
      reader.at = end;
      const endSample = this.#kernel.exports.size.value;
      if (endSample === before) continue;
      names.take({ name, type, at: start });
      families.push({ name, type, endSample });
    }
    return this.#finish(families);
  }

  /** Puts the push into the kernel's memory, if it is not there, and behind it the values of the token's labels. */
  #open(bytes: Uint8Array, { identity, nowMs }: { identity: ReadonlyMap<string, string>; nowMs: number }) {
    const kernel = this.#kernel;
    const { maxAgeMs, maxAheadMs } = this.#rules;
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
    const { id, shapes } = this.#tokenOf(identity);
    this.#newShapes = shapes;
    shapes.open();
    kernel.exports.setToken(id);
    this.#start = start;
    this.#length = length;
    this.#oldestMs = Math.floor(nowMs - maxAgeMs);
    this.#newestMs = nowMs + maxAheadMs;
    kernel.exports.openPush(length, identityAt, end, this.#oldestMs, this.#newestMs, nowMs);
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

  /** Reads the family that ends at `end`: first its own fields, whose order is free, then its samples. */
  #family(end: number): { name: string; type: MetricType } {
    const reader = this.#reader;
    const start = reader.at;
    let nameStart = start, nameEnd = start, typeNumber = 0, firstMetric = -1;
    while (reader.at < end) {
      const at = reader.at;
      const tag = reader.tag(end);
      if (tag === METRIC_TAG) {
        if (firstMetric < 0) firstMetric = at;
        reader.at = reader.lengthEnd(end);
      } else if (tag === NAME_TAG) {
        nameEnd = reader.lengthEnd(end);
        nameStart = reader.at;
        reader.at = nameEnd;
      } else if (tag === TYPE_TAG) typeNumber = reader.varint(end);
      else if (tag === HELP_TAG || tag === UNIT_TAG) reader.at = reader.lengthEnd(end);
      else reader.skip(tag, { end, known: 5 });
    }
    const name = this.#familyName(nameStart, nameEnd);
    const type = METRIC_TYPES[typeNumber];
    if (type === undefined || type === "gauge_histogram") {
      throw invalid("family_type", `a family has the type number ${typeNumber}`, start);
    }
    if (firstMetric < 0) return { name, type };
    const verdict = this.#rules.allow?.verdict(name) ?? "all";
    this.#kernel.exports.openFamily(
      this.#start + firstMetric,
      this.#start + end,
      this.#start + nameStart,
      nameEnd - nameStart,
      VALUE_TAG[type],
      Number(isDistribution(type)),
      verdict === "all" ? 0 : verdict === "none" ? 1 : 2,
    );
    this.#samples({ name, type, verdict });
    return { name, type };
  }

  #familyName(start: number, end: number): string {
    const { maxNameBytes } = this.#rules;
    if (end - start > maxNameBytes) {
      throw invalid("family_name", `a family name is longer than ${maxNameBytes} bytes`, start);
    }
    const known = this.#names.get(this.#reader.bytes, start, end);
    if (known !== undefined) return known;
    const bytes = this.#reader.bytes.subarray(start, end);
    const name = decoder.decode(bytes);
    if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)) {
      throw invalid("family_name", "a family has no name, or one outside [a-zA-Z_:][a-zA-Z0-9_:]*", start);
    }
    this.#names.set(bytes, name);
    return name;
  }

  /** Has the kernel read, check and write the samples of a family, and answers what it asks. */
  #samples(family: Family) {
    const { exports } = this.#kernel;
    for (;;) {
      const asked = exports.readSamples();
      this.#look();
      if (asked === status.DONE) return;
      if (asked === status.LEARN) this.#learn();
      else if (asked === status.NUMBER) this.#number(exports.value.value);
      else if (asked === status.CHOOSE) exports.choose(Number(this.#keeps(family)));
      else if (asked === status.POINTS) {
        const start = exports.sampleAt.value - this.#start, end = exports.sampleEnd.value - this.#start;
        this.#reader.points({ start, end, type: family.type as DistributionType });
      } else if (asked === status.LINES) this.#distribution(family);
      else throw this.#faultOf(asked, family);
    }
  }

  #learn() {
    const { exports, bytes } = this.#kernel;
    const shape = this.#newShapes.build(bytes, this.#spans, exports.labelCount.value);
    if (shape.fault !== undefined) {
      throw invalid(shape.fault.reason, shape.fault.what, exports.sampleAt.value - this.#start);
    }
    this.#shapes[teach(this.#kernel, shape)] = shape;
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
    this.#distributions.take(bytes.subarray(start, exports.out.value));
    checkPoints(this.#reader, { type, shape: this.#shape(), at: exports.sampleAt.value - this.#start });
    if (!this.#keeps(family)) return exports.drop();
    const out = this.#out;
    out.at = start;
    const most = exports.textAt.value + this.#rules.maxTextBytes;
    const { keyStart, keyEnd, lines } = this.#distributions.write(this.#reader, {
      name: encoder.encode(family.name),
      type,
      check: () => {
        if (out.at > most) throw this.#faultOf(status.TOO_MUCH_TEXT, family);
      },
    });
    exports.setOut(out.at);
    exports.setKey(keyStart, keyEnd);
    const fault = exports.keep(lines);
    this.#look();
    if (fault !== 0) throw this.#faultOf(fault, family);
  }

  /** What the client is told where the kernel found a fault. */
  #faultOf(fault: number, { type }: Family): Error {
    const push = { start: this.#start, oldestMs: this.#oldestMs, newestMs: this.#newestMs };
    return kernelFault(fault, { kernel: this.#kernel, rules: this.#rules, push, type });
  }

  /** Takes out the samples that later ones replaced, and tells the runs and blocks of the rest. */
  #finish(families: readonly { name: string; type: MetricType; endSample: number }[]): IngestedPush {
    const { exports, bytes } = this.#kernel;
    const size = exports.size.value;
    const ends = new Int32Array(bytes.buffer, exports.ends.value, size);
    const ages = new Uint32Array(bytes.buffer, exports.ages.value, size);
    const lines = new Int32Array(bytes.buffer, exports.lines.value, size);
    const text = bytes.subarray(exports.textAt.value, exports.out.value);
    if (this.#runs.length < 2 * size) this.#runs = new Uint32Array(4 * size);
    const runs = this.#runs;
    const blocks: Block[] = [];
    let runCount = 0, length = 0, series = 0, sample = 0, from = 0;
    for (const { name, type, endSample } of families) {
      const start = length, firstRun = runCount;
      for (; sample < endSample; sample++) {
        const to = ends[sample] - text.byteOffset;
        if (lines[sample] > 0) {
          if (length !== from) text.copyWithin(length, from, to);
          length += to - from;
          series += lines[sample];
          if (runCount === firstRun || runs[2 * runCount - 2] !== ages[sample]) runs[2 * runCount++] = ages[sample];
          runs[2 * runCount - 1] = length;
        }
        from = to;
      }
      if (length > start) blocks.push({ name, type, start, end: length, firstRun, endRun: runCount });
    }
    return {
      text: text.subarray(0, length),
      blocks,
      runs: runs.subarray(0, 2 * runCount),
      baseMs: this.#oldestMs,
      series,
      received: exports.received.value,
      dropped: exports.dropped.value,
      duplicates: exports.replaced.value,
    };
  }
}
