/**
 * Label shapes: what there is to know of a sample's label names, worked out once for all samples that have the same ones.
 *
 * Samples of a family, and the same family in push after push, repeat their label names; only values differ. So the kernel
 * remembers shapes, compares the names of a sample with those of the sample before, byte for byte, and reuses the checks and the
 * order of output.
 *
 * @module
 */

import { escapeLabelName, isClassicLabelName, METRIC_NAME_LABEL } from "../exposition/names.ts";
import { LimitError } from "../exposition/metric_family.ts";
import { escapeLabelValue } from "../exposition/text_format.ts";
import * as layout from "../kernel/assembly/layout.ts";
import type { Kernel } from "../kernel/kernel.ts";

/** Labels of a sample as places in the kernel's memory: name start, name end, value start, value end, and so on. */
export type LabelSpans = Int32Array;

/** One label of the output, in order: `head` is `name="`, the value comes from label `source` of the sample. */
export interface ShapeSegment {
  /** `name="`, or the whole `name="value",` for a label that the server sets itself. */
  readonly head: string;
  /** How many bytes of UTF-8 that has. */
  readonly bytes: number;
  /** The index of the sample's label whose value follows; -1 where `head` is all. */
  readonly source: number;
  /** Whether it is written even where its value is empty. */
  readonly always: boolean;
}

/** What all samples with the same label names, in the same order, have in common. */
export interface LabelShape {
  /** Labels of the output, sorted by name, so that a series is written the same way whatever order it came in. */
  readonly segments: readonly ShapeSegment[];
  /** Indexes of the sample's labels that the output does not have: elided or set by the server. */
  readonly elided: readonly number[];
  /** Per label of the token, the index of the sample's label of that name. */
  readonly identity: readonly number[];
  /** The index of a label by name. */
  readonly indexOf: ReadonlyMap<string, number>;
  /** Whether a name that is shown has to stand in quotes. */
  readonly quoted: boolean;
  /** What is wrong with the names, if anything; `identity` is worse than any rule, since who pushes it may mean harm. */
  readonly fault?: { readonly rule: "label_name" | "duplicate_label" | "identity"; readonly what: string };
}

/** What the server does to labels, besides checking them. */
export interface LabelRules {
  /** Set on every series, over what it has. */
  readonly set: ReadonlyMap<string, string>;
  /** Removed from every series. */
  readonly elide: ReadonlySet<string>;
  /**
   * Labels that every series shows, if need be empty. A Prometheus that scrapes with `honor_labels` gives a series those
   * labels of its target that the series lacks; an empty one keeps them off, as on Prometheus's own `/federate`.
   */
  readonly always: ReadonlySet<string>;
  /** The longest label name, in bytes. */
  readonly maxLabelBytes: number;
}

/**
 * Memory for the shapes that are remembered, some 90 bytes a name; at the bound all are forgotten, which costs a rebuild. It is
 * used only as shapes come.
 */
const SHAPE_BYTES = 8 * 1_048_576;
/** What a name takes of it at most, besides its letters, which are there twice. */
const NAME_BYTES = 96;
/**
 * Names in the shapes that one push may have built anew, at 1.5 µs each. A cluster's whole Prometheus has some 1,500 shapes
 * of 15 names, most of which are known from the push before; without a bound, a push of nothing but new ones took 2 s.
 */
const MAX_NEW_NAMES = 32_768;
/** What stands about a label's value, and what copies by sixteen bytes write past it. */
const LABEL_ROOM = 8;

const encoder = new TextEncoder();
// A byte order mark is a part of a name like any other character.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Memory that the kernel needs for shapes of so many labels. */
export function shapeMemory({ maxLabels, maxLabelBytes }: { maxLabels: number; maxLabelBytes: number }): number {
  return Math.max(SHAPE_BYTES, 2 * maxLabels * (NAME_BYTES + 2 * maxLabelBytes));
}

/** Works out shapes. One for each set of token label names, since shapes hold where those stand. */
export class LabelShapes {
  readonly #rules: LabelRules;
  readonly #identityNames: readonly string[];
  readonly #constants: ReadonlyMap<string, Pick<ShapeSegment, "head" | "bytes">>;
  #newNames = 0;

  /** Works out shapes for tokens with these label names. */
  constructor(rules: LabelRules, identityNames: readonly string[]) {
    this.#rules = rules;
    this.#identityNames = identityNames;
    const { set, elide, always } = rules;
    // What is the same on every series: labels that are set, and those that are shown empty where a series lacks them.
    this.#constants = new Map(Array.from(new Set([...set.keys(), ...always]), (name) => {
      const value = elide.has(name) ? "" : set.get(name) ?? "";
      const head = value === "" && !always.has(name) ? "" : `${labelHead(name)}${escapeLabelValue(value)}",`;
      return [name, { head, bytes: encoder.encode(head).length }];
    }));
  }

  /** Starts on another push. */
  open(): void {
    this.#newNames = 0;
  }

  /**
   * The shape of the `size` labels in `spans`. Its `fault` says whether the names are acceptable.
   *
   * @throws {LimitError} if the push has too many shapes that were not seen before.
   */
  build(bytes: Uint8Array, spans: LabelSpans, size: number): LabelShape {
    // One without labels counts as well.
    this.#newNames += size + 1;
    if (this.#newNames > MAX_NEW_NAMES) {
      throw new LimitError(
        `Cannot take a push whose new sets of labels have more than ${MAX_NEW_NAMES} names together`,
        {},
      );
    }
    const nameEnds = new Int32Array(size);
    let length = 0;
    for (let i = 0; i < size; i++) nameEnds[i] = length += spans[4 * i + 1] - spans[4 * i];
    const names = new Uint8Array(length);
    for (let i = 0, at = 0; i < size; at = nameEnds[i++]) {
      names.set(bytes.subarray(spans[4 * i], spans[4 * i + 1]), at);
    }
    // All in one go, as that costs as much as a single name; what is not ASCII is then read name by name.
    const text = decoder.decode(names);
    const isAscii = /^[\0-\x7f]*$/.test(text);
    const indexOf = new Map<string, number>();
    let fault: LabelShape["fault"];
    for (let i = 0, at = 0; i < size; at = nameEnds[i++]) {
      const name = isAscii ? text.slice(at, nameEnds[i]) : nameOf(names.subarray(at, nameEnds[i]));
      if (name === undefined || name === "") {
        fault ??= {
          rule: "label_name",
          what: name === "" ? "a label has no name" : "the name of a label is not UTF-8",
        };
        continue;
      }
      if (name === METRIC_NAME_LABEL) fault ??= { rule: "label_name", what: `the label ${name} is reserved` };
      else if (!isClassicLabelName(name) && this.#identityNames.includes(escapeLabelName(name))) {
        // A reader of names with underscores would take it for the label of the token.
        fault ??= { rule: "label_name", what: `the label ${name} is ${escapeLabelName(name)} to some readers` };
      } else if (indexOf.has(name)) {
        // A series that names two clusters speaks for one that is not its own.
        fault = this.#identityNames.includes(name)
          ? { rule: "identity", what: `a series has the label ${name} of the token twice` }
          : fault ?? { rule: "duplicate_label", what: `the series has the label ${name} twice` };
      }
      indexOf.set(name, i);
    }
    for (const name of this.#identityNames) {
      if (!indexOf.has(name)) fault = { rule: "identity", what: `a series lacks the label ${name} of the token` };
    }
    const segments = fault === undefined ? this.#segments(indexOf) : [];
    return {
      segments,
      quoted: segments.some(({ head }) => head.startsWith('"')),
      elided: this.#elided(indexOf),
      identity: this.#identityNames.map((name) => indexOf.get(name) ?? -1),
      indexOf,
      fault,
    };
  }

  #elided(indexOf: ReadonlyMap<string, number>): readonly number[] {
    const elided: number[] = [];
    const { set, elide } = this.#rules;
    for (const names of [set.keys(), elide]) {
      for (const name of names) {
        const index = indexOf.get(name);
        if (index !== undefined && !elided.includes(index)) elided.push(index);
      }
    }
    return elided;
  }

  /** The labels of the output, by name: those of the sample, but where the server has its own say. */
  #segments(indexOf: ReadonlyMap<string, number>): ShapeSegment[] {
    const { set, elide, always } = this.#rules;
    const names: string[] = [];
    for (const name of indexOf.keys()) if (!elide.has(name) && !this.#constants.has(name)) names.push(name);
    names.push(...this.#constants.keys());
    return names.sort().map((name): ShapeSegment => {
      const source = set.has(name) || elide.has(name) ? undefined : indexOf.get(name);
      const shown = always.has(name);
      if (source === undefined) return { ...this.#constants.get(name)!, source: -1, always: shown };
      const head = labelHead(name);
      return { head, bytes: encoder.encode(head).length, source, always: shown };
    });
  }
}

/** What a label starts with: its name, in quotes if that is outside the classic charset, and the quote before its value. */
function labelHead(name: string): string {
  return isClassicLabelName(name) ? `${name}="` : `"${escapeLabelValue(name)}"="`;
}

function nameOf(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Has the kernel take up a shape without fault for the sample that it is at, and returns the number that it gives it. */
export function teach(kernel: Kernel, { segments, identity, elided, quoted }: LabelShape): number {
  let size = layout.SEGMENT_BYTES * segments.length + aligned(4 * identity.length) + aligned(4 * elided.length);
  let room = LABEL_ROOM * segments.length;
  for (const { bytes, source } of segments) {
    size += aligned(bytes);
    if (source < 0) room += bytes;
  }
  const shape = kernel.exports.learnShape(size);
  const segmentsAt = kernel.exports.shapesEnd() - size;
  const identityAt = segmentsAt + layout.SEGMENT_BYTES * segments.length;
  const elidedAt = identityAt + aligned(4 * identity.length);
  const { view, bytes: memory } = kernel;
  let at = segmentsAt, headAt = elidedAt + aligned(4 * elided.length);
  for (const { head, bytes, source, always } of segments) {
    view.setUint32(at + layout.SEGMENT_HEAD, headAt, true);
    view.setUint32(at + layout.SEGMENT_LENGTH, bytes, true);
    view.setInt32(at + layout.SEGMENT_SOURCE, source, true);
    view.setUint32(at + layout.SEGMENT_ALWAYS, Number(always), true);
    // At a tenth of the encoder's cost for something short.
    if (head.length === bytes) { for (let i = 0; i < bytes; i++) memory[headAt + i] = head.charCodeAt(i); }
    else encoder.encodeInto(head, memory.subarray(headAt, headAt + bytes));
    at += layout.SEGMENT_BYTES;
    headAt += aligned(bytes);
  }
  for (let i = 0; i < identity.length; i++) view.setUint32(identityAt + 4 * i, identity[i], true);
  for (let i = 0; i < elided.length; i++) view.setUint32(elidedAt + 4 * i, elided[i], true);
  view.setUint32(shape + layout.SHAPE_ROOM, room, true);
  view.setUint32(shape + layout.SHAPE_SEGMENTS, segments.length, true);
  view.setUint32(shape + layout.SHAPE_SEGMENTS_AT, segmentsAt, true);
  view.setUint32(shape + layout.SHAPE_IDENTITY, identity.length, true);
  view.setUint32(shape + layout.SHAPE_IDENTITY_AT, identityAt, true);
  view.setUint32(shape + layout.SHAPE_ELIDED, elided.length, true);
  view.setUint32(shape + layout.SHAPE_ELIDED_AT, elidedAt, true);
  view.setUint32(shape + layout.SHAPE_QUOTED, Number(quoted), true);
  return view.getUint32(shape + layout.SHAPE_ID, true);
}

/** The next multiple of sixteen. */
function aligned(bytes: number): number {
  return bytes + 15 & ~15;
}
