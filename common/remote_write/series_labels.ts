/**
 * The labels of a series as 1.0 writes them, which is as families have them: read where they stand in the request if they do, and
 * written to memory of their own if they do not.
 *
 * @module
 */

import { concatenate } from "../concatenate.ts";
import { METRIC_NAME_LABEL } from "../exposition/names.ts";
import { BYTES, LABEL, METRIC, tagOf } from "../exposition/protobuf_fields.ts";
import { ProtobufReader } from "../exposition/protobuf_wire.ts";
import { equals } from "../ingest/bytes_map.ts";
import { tellSeries } from "../ingest/losses.ts";
import { SAMPLE_RULES, type SampleRule } from "../ingest/sample_rules.ts";
import { ByteBuilder, varintBytes } from "./byte_builder.ts";
import { limitedBuilder, type WriteLimits } from "./write_limits.ts";

/** What is wrong with a series. */
export interface SeriesFault {
  /** The rule that it breaks. */
  readonly rule: SampleRule;
  /** In words. */
  readonly what: string;
}

/** Where the name and the value of a label are. */
export interface LabelPlace {
  /** Where the name starts. */
  readonly nameStart: number;
  /** Where it ends. */
  readonly nameEnd: number;
  /** Where the value starts. */
  readonly valueStart: number;
  /** Where it ends. */
  readonly valueEnd: number;
}

/** A label of the token. */
interface IdentityLabel {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
  /** As it is written. */
  readonly field: Uint8Array;
}

const LABEL_TAG = tagOf(METRIC.label, BYTES),
  NAME_TAG = tagOf(LABEL.name, BYTES),
  VALUE_TAG = tagOf(LABEL.value, BYTES);
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const NOTHING = new Uint8Array();
const NAME_LABEL = encoder.encode(METRIC_NAME_LABEL);

/** The labels of one series after the other. */
export class SeriesLabels {
  /** What they stand in, from `start` to `end`. */
  source: Uint8Array = NOTHING;
  /** Where they start; -1 while there are none. */
  start: number = -1;
  /** Where they end. */
  end: number = -1;
  /** Where the name of the metric starts; it and what follows is known once {@linkcode check} has looked. */
  nameStart = 0;
  /** Where it ends. */
  nameEnd = 0;
  /** Where the label starts that has the name. */
  cutStart = 0;
  /** Where that ends. */
  cutEnd = 0;
  /** The labels of the token that the series lacks, as they are written. */
  lacks: Uint8Array = NOTHING;
  /** Labels that do not stand together in the request. */
  readonly #scratch: ByteBuilder;

  // The request at hand.
  #bytes: Uint8Array = NOTHING;
  #reader = new ProtobufReader(NOTHING);
  #identity: readonly IdentityLabel[] = [];
  /** All of them, as they are written. */
  #identityFields: Uint8Array = NOTHING;
  /** Which of them the series at hand has. */
  #seen = new Uint8Array();

  // The label at hand: where it ends, its name, its value.
  #labelEnd = 0;
  #labelNameStart = 0;
  #labelNameEnd = 0;
  #valueStart = 0;
  #valueEnd = 0;

  /** Has labels up to these limits. */
  constructor(limits: Pick<WriteLimits, "maxBytes">) {
    this.#scratch = limitedBuilder(limits);
  }

  /** Starts on a request, whose series must have the labels of a token. */
  openRequest(bytes: Uint8Array, identity: ReadonlyMap<string, string>): void {
    this.#bytes = bytes;
    this.#reader = new ProtobufReader(bytes);
    this.#identity = Array.from(identity, ([name, value]) => identityLabel(name, value));
    this.#identityFields = concatenate(this.#identity.map(({ field }) => field));
    this.#seen = new Uint8Array(this.#identity.length);
    this.#scratch.clear();
  }

  /** Starts on a series. */
  openSeries(): void {
    this.source = this.#bytes;
    this.start = this.end = -1;
  }

  /** Takes the labels that the request has from `start` on, if they are as every sender writes them: short, and together. */
  takeRun(start: number, end: number): number {
    const bytes = this.#bytes;
    let at = start;
    while (at < end && bytes[at] === LABEL_TAG && bytes[at + 1] < 0x80) at += 2 + bytes[at + 1];
    if (at > end || at === start) return start;
    this.start = start;
    this.end = at;
    return at;
  }

  /** Takes a label from where it stands in the request, unless something stands between it and those before it. */
  take(start: number, end: number): void {
    if (this.start < 0) this.start = start;
    else if (this.source !== this.#bytes || start !== this.end) {
      if (this.source === this.#bytes) {
        const before = this.#bytes.subarray(this.start, this.end);
        this.start = this.#scratch.length;
        this.#scratch.append(before);
      }
      this.#scratch.append(this.#bytes.subarray(start, end));
      this.#standInScratch();
      return;
    }
    this.end = end;
  }

  /** How many bytes of labels were written that stand apart in the request. */
  get written(): number {
    return this.#scratch.length;
  }

  /** Takes a label whose name and value stand apart. */
  append(bytes: Uint8Array, place: LabelPlace): void {
    if (this.start < 0) this.start = this.#scratch.length;
    appendLabel(this.#scratch, bytes, place);
    this.#standInScratch();
  }

  /** Takes labels again that were written from `start` to `end`. */
  repeat(start: number, end: number): void {
    if (this.start < 0) this.start = this.#scratch.length;
    this.#scratch.copy(this.#scratch.memory, start, end);
    this.#standInScratch();
  }

  /**
   * Finds the name among the labels, and holds them against the token's.
   *
   * @throws {SyntaxError} if a label is malformed.
   */
  check(): SeriesFault | undefined {
    if (this.start < 0) this.start = this.end = 0;
    const source = this.source, identity = this.#identity, seen = this.#seen;
    let hasName = false, fault: SeriesFault | undefined;
    seen.fill(0);
    for (let at = this.start; at < this.end; at = this.#labelEnd) {
      this.#read(at);
      const nameStart = this.#labelNameStart, nameEnd = this.#labelNameEnd;
      const length = nameEnd - nameStart;
      if (length === NAME_LABEL.length && equals(source, nameStart, nameEnd, NAME_LABEL)) {
        if (hasName) fault = { rule: "duplicate_label", what: `the series has the label ${METRIC_NAME_LABEL} twice` };
        hasName = true;
        this.nameStart = this.#valueStart;
        this.nameEnd = this.#valueEnd;
        this.cutStart = at;
        this.cutEnd = this.#labelEnd;
        continue;
      }
      for (let i = 0; i < identity.length; i++) {
        const { name, value } = identity[i];
        if (length !== name.length || !equals(source, nameStart, nameEnd, name)) continue;
        const isRight = seen[i] === 0 && equals(source, this.#valueStart, this.#valueEnd, value);
        seen[i] = 1;
        if (!isRight) fault = { rule: "identity", what: SAMPLE_RULES.identity.what };
      }
    }
    const lacking = identity.filter((_, i) => seen[i] === 0);
    this.lacks = lacking.length === identity.length
      ? this.#identityFields
      : lacking.length === 0
      ? NOTHING
      : concatenate(lacking.map(({ field }) => field));
    return fault ?? (hasName ? undefined : { rule: "family_name", what: "a series has no name" });
  }

  /** The series for people. */
  tell(): string {
    const source = this.source, spans: number[] = [];
    let name = "";
    for (let at = this.start; at < this.end; at = this.#labelEnd) {
      this.#read(at);
      const place = [this.#labelNameStart, this.#labelNameEnd, this.#valueStart, this.#valueEnd];
      if (!equals(source, place[0], place[1], NAME_LABEL)) spans.push(...place);
      else name = decoder.decode(source.subarray(place[2], place[3]));
    }
    return tellSeries(name, { bytes: source, spans: Int32Array.from(spans), labelCount: spans.length / 4 });
  }

  #standInScratch() {
    this.source = this.#scratch.memory;
    this.end = this.#scratch.length;
  }

  /** Reads a label. */
  #read(at: number) {
    const source = this.source, end = this.end;
    // As every sender writes them: two short texts.
    const labelEnd = at + 2 + source[at + 1], nameStart = at + 4, nameEnd = nameStart + source[at + 3];
    const valueStart = nameEnd + 2;
    if (
      source[at + 1] < 0x80 && labelEnd <= end && source[at + 2] === NAME_TAG && valueStart <= labelEnd &&
      source[nameEnd] === VALUE_TAG && source[nameEnd + 1] === labelEnd - valueStart
    ) {
      this.#labelNameStart = nameStart;
      this.#labelNameEnd = nameEnd;
      this.#valueStart = valueStart;
      this.#valueEnd = this.#labelEnd = labelEnd;
      return;
    }
    const reader = source === this.#bytes ? this.#reader : new ProtobufReader(source);
    reader.at = at;
    reader.next(end);
    const stop = reader.enter(end);
    this.#labelNameStart =
      this.#labelNameEnd =
      this.#valueStart =
      this.#valueEnd =
      this.#labelEnd =
        stop;
    while (reader.next(stop)) {
      const { field } = reader;
      if (field !== LABEL.name && field !== LABEL.value) {
        reader.skip(stop); // A field of the label, which stands beside the number and not in it.
        continue;
      }
      const textEnd = reader.enter(stop);
      if (field === LABEL.name) [this.#labelNameStart, this.#labelNameEnd] = [reader.at, textEnd];
      else [this.#valueStart, this.#valueEnd] = [reader.at, textEnd];
      reader.at = textEnd;
    }
  }
}

/** The labels of a token, as 1.0 has labels. */
export function identityFields(identity: ReadonlyMap<string, string>): Uint8Array<ArrayBuffer> {
  return concatenate(Array.from(identity, ([name, value]) => identityLabel(name, value).field));
}

/** What they are written in. */
const identityBuilder = limitedBuilder({ maxBytes: Infinity });

function identityLabel(name: string, value: string): IdentityLabel {
  const bytes = { name: encoder.encode(name), value: encoder.encode(value) };
  const both = concatenate([bytes.name, bytes.value]), nameEnd = bytes.name.length;
  identityBuilder.clear();
  appendLabel(identityBuilder, both, { nameStart: 0, nameEnd, valueStart: nameEnd, valueEnd: both.length });
  return { ...bytes, field: identityBuilder.bytes.slice() };
}

// In three arguments, as an object for each label would be much of a request's garbage.
function appendLabel(out: ByteBuilder, bytes: Uint8Array, { nameStart, nameEnd, valueStart, valueEnd }: LabelPlace) {
  const name = nameEnd - nameStart, value = valueEnd - valueStart;
  out.tagged(LABEL_TAG, 2 + varintBytes(name) + varintBytes(value) + name + value);
  out.tagged(NAME_TAG, name);
  out.copy(bytes, nameStart, nameEnd);
  out.tagged(VALUE_TAG, value);
  out.copy(bytes, valueStart, valueEnd);
}
