/**
 * Label shapes: what there is to know of a sample's label names, worked out once for all samples that have the same ones.
 *
 * Samples of a family, and the same family in push after push, repeat their label names; only values differ. So names are
 * compared with those of the sample before, byte for byte, and the checks and the order of output are reused.
 *
 * @module
 */

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

/** How many shapes are kept; at the bound all are forgotten, which costs a rebuild of those in use. */
const MAX_SHAPES = 4_096;

// A byte order mark is no part of any name, and not to be passed over.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Finds the shape of a sample's labels. One for each set of token label names, since shapes hold where those stand. */
export class LabelShapes {
  readonly #rules: LabelRules;
  readonly #identityNames: readonly string[];
  readonly #shapes = new Map<number, LabelShape[]>();
  #size = 0;
  #latest: LabelShape | undefined;

  /** Works out shapes for tokens with these label names. */
  constructor(rules: LabelRules, identityNames: readonly string[]) {
    this.#rules = rules;
    this.#identityNames = identityNames;
  }

  /** The shape of the `size` labels in `spans`. Its `fault` says whether the names are acceptable. */
  of(bytes: DataView, spans: LabelSpans, size: number): LabelShape {
    const latest = this.#latest;
    if (latest !== undefined && hasNames(latest, bytes, spans, size)) return latest;
    const key = hashNames(bytes, spans, size);
    const candidates = this.#shapes.get(key);
    let shape = candidates?.find((candidate) => hasNames(candidate, bytes, spans, size));
    if (shape === undefined) {
      shape = this.#build(bytes, spans, size);
      if (this.#size++ === MAX_SHAPES) {
        this.#shapes.clear();
        this.#size = 1;
      }
      this.#shapes.set(key, [...this.#shapes.get(key) ?? [], shape]);
    }
    this.#latest = shape;
    return shape;
  }

  #build(bytes: DataView, spans: LabelSpans, size: number): LabelShape {
    const indexOf = new Map<string, number>();
    const nameEnds = new Int32Array(size);
    const parts: number[] = [];
    let fault: LabelShape["fault"];
    for (let i = 0; i < size; i++) {
      const raw = new Uint8Array(bytes.buffer, bytes.byteOffset + spans[4 * i], spans[4 * i + 1] - spans[4 * i]);
      parts.push(...raw);
      nameEnds[i] = parts.length;
      const name = decoder.decode(raw);
      if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) {
        fault ??= { reason: "label_name", what: "a label has a name outside [a-zA-Z_][a-zA-Z0-9_]*" };
      } else if (name === "__name__") fault ??= { reason: "label_name", what: "a series has a label __name__" };
      else if (indexOf.has(name)) fault ??= { reason: "duplicate_label", what: `a series has the label ${name} twice` };
      indexOf.set(name, i);
    }
    for (const name of this.#identityNames) {
      if (!indexOf.has(name)) fault ??= { reason: "identity", what: `a series lacks the label ${name} of the token` };
    }
    const { set, elide, always } = this.#rules;
    const output = new Set([...indexOf.keys(), ...set.keys()]).difference(elide).union(always);
    const segments = [...output].sort().map((name): ShapeSegment => {
      const value = elide.has(name) ? "" : set.get(name) ?? (indexOf.has(name) ? undefined : "");
      const shown = always.has(name);
      if (value === undefined) return { head: constant(`${name}="`), source: indexOf.get(name)!, always: shown };
      const head = constant(value === "" && !shown ? "" : `${name}="${escapeLabelValue(value)}",`);
      return { head, source: -1, always: shown };
    });
    return {
      size,
      names: new DataView(new Uint8Array(parts).buffer),
      nameEnds,
      segments,
      constantBytes: segments.reduce((sum, { head, source }) => sum + (source < 0 ? head.length : 0), 0),
      elided: [...indexOf].filter(([name]) => elide.has(name) || set.has(name)).map(([, index]) => index),
      identity: Int32Array.from(this.#identityNames, (name) => indexOf.get(name) ?? -1),
      indexOf,
      fault,
    };
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
