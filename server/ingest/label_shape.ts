/**
 * Label shapes: what there is to know of a sample's label names, worked out once for all samples that have the same ones.
 *
 * Samples of a family, and the same family in push after push, repeat their label names; only values differ. So names are
 * compared with those of the sample before, byte for byte, and the checks and the order of output are reused.
 *
 * @module
 */

import { LimitError } from "../../common/exposition/metric_family.ts";
import { escapeLabelValue } from "../../common/exposition/text_format.ts";
import { type Constant, constant } from "./line_writer.ts";

/** Labels of a sample as offsets into the push: name start, name end, value start, value end, and so on. */
export type LabelSpans = Int32Array;

/** One label of the output, in order: `head` is `name="`, the value comes from label `source` of the sample. */
export interface ShapeSegment {
  /** `name="`, or the whole `name="value",` for a label that the server sets itself. */
  readonly head: Constant;
  /** The index of the sample's label whose value follows; -1 where `head` is all. */
  readonly source: number;
  /** Whether it is written even where its value is empty. */
  readonly always: boolean;
}

/** What all samples with the same label names, in the same order, have in common. */
export interface LabelShape {
  /** How many labels the sample has. */
  readonly size: number;
  /** The names one after the other, and where each ends. */
  readonly names: DataView;
  /** Where each name ends. */
  readonly nameEnds: Int32Array;
  /** Labels of the output, sorted by name, so that a series is written the same way whatever order it came in. */
  readonly segments: readonly ShapeSegment[];
  /** How many bytes the labels that the server sets come to. */
  readonly constantBytes: number;
  /** Indexes of the sample's labels that the output does not have: elided or set by the server. */
  readonly elided: readonly number[];
  /** Per label of the token, the index of the sample's label of that name. */
  readonly identity: Int32Array;
  /** The index of a label by name. */
  readonly indexOf: ReadonlyMap<string, number>;
  /** What is wrong with the names, if anything: a sentence fragment. */
  readonly fault?: { readonly reason: "label_name" | "duplicate_label" | "identity"; readonly what: string };
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

/** Names in the shapes that are kept, some 400 bytes each; at the bound all are forgotten, which costs a rebuild. */
const MAX_NAMES = 65_536;
/**
 * Names in the shapes that one push may have built anew, at 1.5 µs each. A cluster's whole Prometheus has some 1,500 shapes
 * of 15 names, most of which are known from the push before; without a bound, a push of nothing but new ones took 2 s.
 */
const MAX_NEW_NAMES = 32_768;
/** Shapes under one hash; more have the same one only by intent, and would be looked through for every sample. */
const MAX_CANDIDATES = 8;

// A byte order mark is no part of any name, and not to be passed over.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Finds the shape of a sample's labels. One for each set of token label names, since shapes hold where those stand. */
export class LabelShapes {
  readonly #rules: LabelRules;
  readonly #identityNames: readonly string[];
  readonly #constants: ReadonlyMap<string, Constant>;
  readonly #shapes = new Map<number, LabelShape[]>();
  #names = 0;
  #newNames = 0;
  #latest: LabelShape | undefined;

  /** Works out shapes for tokens with these label names. */
  constructor(rules: LabelRules, identityNames: readonly string[]) {
    this.#rules = rules;
    this.#identityNames = identityNames;
    const { set, elide, always } = rules;
    // What is the same on every series: labels that are set, and those that are shown empty where a series lacks them.
    const constants = [...new Set([...set.keys(), ...always])].sort().map((name): [string, Constant] => {
      const value = elide.has(name) ? "" : set.get(name) ?? "";
      return [name, constant(value === "" && !always.has(name) ? "" : `${name}="${escapeLabelValue(value)}",`)];
    });
    this.#constants = new Map(constants);
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
  of(bytes: DataView, spans: LabelSpans, size: number): LabelShape {
    const latest = this.#latest;
    if (latest !== undefined && hasNames(latest, bytes, spans, size)) return latest;
    const key = hashNames(bytes, spans, size);
    let candidates = this.#shapes.get(key);
    let shape = candidates?.find((candidate) => hasNames(candidate, bytes, spans, size));
    if (shape === undefined) {
      // One without labels counts as well.
      this.#newNames += size + 1;
      if (this.#newNames > MAX_NEW_NAMES) {
        throw new LimitError(
          `Cannot take a push with more than ${MAX_NEW_NAMES} names in sets of labels not seen before`,
        );
      }
      shape = this.#build(bytes, spans, size);
      this.#names += size + 1;
      if (this.#names > MAX_NAMES) {
        this.#shapes.clear();
        this.#names = size + 1;
        candidates = undefined;
      }
      if (candidates === undefined || candidates.length === MAX_CANDIDATES) this.#shapes.set(key, [shape]);
      else candidates.push(shape);
    }
    this.#latest = shape;
    return shape;
  }

  #build(bytes: DataView, spans: LabelSpans, size: number): LabelShape {
    const nameEnds = new Int32Array(size);
    let length = 0;
    for (let i = 0; i < size; i++) nameEnds[i] = length += spans[4 * i + 1] - spans[4 * i];
    const names = new Uint8Array(length);
    for (let i = 0, at = 0; i < size; at = nameEnds[i++]) {
      names.set(new Uint8Array(bytes.buffer, bytes.byteOffset + spans[4 * i], nameEnds[i] - at), at);
    }
    // All in one go, as that costs as much as a single name. Where it is shorter than its bytes, it is not ASCII.
    const text = decoder.decode(names);
    const indexOf = new Map<string, number>();
    let fault: LabelShape["fault"];
    for (let i = 0, at = 0; i < size; at = nameEnds[i++]) {
      const name = text.slice(at, nameEnds[i]);
      if (text.length !== length || !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) {
        fault ??= { reason: "label_name", what: "a label has a name outside [a-zA-Z_][a-zA-Z0-9_]*" };
      } else if (name === "__name__") fault ??= { reason: "label_name", what: "a series has a label __name__" };
      else if (indexOf.has(name)) fault ??= { reason: "duplicate_label", what: `a series has the label ${name} twice` };
      indexOf.set(name, i);
    }
    for (const name of this.#identityNames) {
      if (!indexOf.has(name)) fault ??= { reason: "identity", what: `a series lacks the label ${name} of the token` };
    }
    const segments = fault === undefined ? this.#segments(indexOf) : [];
    return {
      size,
      names: new DataView(names.buffer),
      nameEnds,
      segments,
      constantBytes: segments.reduce((sum, { head, source }) => sum + (source < 0 ? head.length : 0), 0),
      elided: this.#elided(indexOf),
      identity: Int32Array.from(this.#identityNames, (name) => indexOf.get(name) ?? -1),
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
      return source === undefined
        ? { head: this.#constants.get(name)!, source: -1, always: shown }
        : { head: constant(`${name}="`), source, always: shown };
    });
  }
}

function hasNames(shape: LabelShape, bytes: DataView, spans: LabelSpans, size: number): boolean {
  if (shape.size !== size) return false;
  const { names, nameEnds } = shape;
  let at = 0;
  for (let i = 0; i < size; i++) {
    let start = spans[4 * i];
    const end = nameEnds[i];
    if (spans[4 * i + 1] - start !== end - at) return false;
    for (; at + 4 <= end; at += 4, start += 4) {
      if (bytes.getInt32(start, true) !== names.getInt32(at, true)) return false;
    }
    for (; at < end; at++, start++) {
      if (bytes.getUint8(start) !== names.getUint8(at)) return false;
    }
  }
  return true;
}

function hashNames(bytes: DataView, spans: LabelSpans, size: number): number {
  let hash = size;
  for (let i = 0; i < size; i++) {
    for (let j = spans[4 * i]; j < spans[4 * i + 1]; j++) hash = Math.imul(hash ^ bytes.getUint8(j), 0x01000193);
    hash = Math.imul(hash ^ 0x100, 0x01000193);
  }
  return hash;
}
