/**
 * Groups what all clusters show by metric name, as the exposition format demands, and settles conflicts between them.
 *
 * Pure: it sees names, types and slices, never a request or a clock.
 *
 * @module
 */

import { isDistribution, LINE_SUFFIXES, type MetricType } from "../../common/exposition/metric_family.ts";
import type { ClusterEntry } from "./exposition_index.ts";

/** A slice of a cluster's text. */
export interface Piece {
  /** Whose lines. */
  readonly entry: ClusterEntry;
  /** Where they start in its text. */
  readonly start: number;
  /** Where they end in its text. */
  readonly end: number;
  /** Where set, only the lines of this very name are meant: the family stands in groups of its parts. */
  readonly only?: string;
}

/** All that is shown under one name. */
export interface Group {
  /** The metric's name. */
  readonly name: string;
  /** What the `# TYPE` comment says. */
  readonly type: MetricType;
  /** The lines, one cluster's after another's. */
  readonly pieces: readonly Piece[];
}

/** Slices of one name and one type, before they are grouped. */
interface Family {
  readonly name: string;
  readonly type: MetricType;
  readonly pieces: Piece[];
  /** How many clusters show it, to tell the majority. */
  clusters: number;
}

/** Names of the lines that a family of a type has. */
function lineNames({ name, type }: { name: string; type: MetricType }): string[] {
  return LINE_SUFFIXES[type].map((suffix) => name + suffix);
}

/** Collects slices and groups them. */
export class Grouping {
  readonly #families = new Map<string, Family>();

  /** Adds the lines from `start` to `end` of one cluster. */
  add(entry: ClusterEntry, { name, type, start, end }: { name: string; type: MetricType; start: number; end: number }) {
    const key = `${type} ${name}`;
    let family = this.#families.get(key);
    if (family === undefined) this.#families.set(key, family = { name, type, pieces: [], clusters: 0 });
    if (family.pieces.at(-1)?.entry !== entry) family.clusters++;
    family.pieces.push({ entry, start, end });
  }

  /**
   * The groups by ascending name, each name once, and how many names were in conflict.
   *
   * Among counter, gauge and untyped the majority of clusters has its way. A histogram or summary that shares a name with
   * anything else, its own or one of its lines', is shown line name by line name, untyped.
   */
  settle(): { groups: Group[]; conflicts: number } {
    const owners = new Map<string, Family[]>();
    for (const family of this.#families.values()) {
      for (const name of new Set([family.name, ...lineNames(family)])) {
        const known = owners.get(name);
        if (known === undefined) owners.set(name, [family]);
        else known.push(family);
      }
    }
    const split = new Set<Family>();
    let conflicts = 0;
    for (const families of owners.values()) {
      if (families.length === 1) continue;
      conflicts++;
      for (const family of families) {
        if (isDistribution(family.type)) split.add(family);
      }
    }
    const groups: Group[] = [];
    for (const [name, families] of owners) {
      const group = toGroup(name, { families, split });
      if (group !== undefined) groups.push(group);
    }
    groups.sort((a, b) => a.name < b.name ? -1 : 1);
    return { groups, conflicts };
  }
}

function toGroup(
  name: string,
  { families, split }: { families: readonly Family[]; split: ReadonlySet<Family> },
): Group | undefined {
  if (families.length === 1 && !split.has(families[0])) {
    const [family] = families;
    return family.name === name ? { name, type: family.type, pieces: family.pieces } : undefined;
  }
  const pieces = families.flatMap((family) => {
    if (!split.has(family)) return family.pieces;
    return lineNames(family).includes(name) ? family.pieces.map((piece) => ({ ...piece, only: name })) : [];
  });
  if (pieces.length === 0) return undefined;
  if (families.some((family) => split.has(family))) return { name, type: "untyped", pieces };
  const [majority] = families.toSorted((a, b) => b.clusters - a.clusters || (a.type < b.type ? -1 : 1));
  return { name, type: majority.type, pieces };
}

const encoder = new TextEncoder();
const LINE_FEED = 0x0a;

/** The ranges of lines that a piece stands for: all of it, or those of one name. */
export function* linesOf({ entry, start, end, only }: Piece): Generator<readonly [start: number, end: number]> {
  if (only === undefined) {
    yield [start, end];
    return;
  }
  const { text } = entry;
  const name = encoder.encode(only);
  for (let at = start; at < end;) {
    const next = text.indexOf(LINE_FEED, at) + 1;
    // A name ends where labels or the value begin.
    const behind = text[at + name.length];
    if ((behind === 0x7b || behind === 0x20) && name.every((byte, i) => text[at + i] === byte)) yield [at, next];
    at = next;
  }
}
