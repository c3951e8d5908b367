/**
 * Groups what all clusters show by metric name, as the exposition format demands, and settles conflicts between them.
 *
 * Pure: it sees names, types and slices, never a request or a clock.
 *
 * @module
 */

import { isDistribution, LINE_SUFFIXES, type MetricType } from "../../common/exposition/metric_family.ts";
import type { Block } from "../../common/ingest/ingested_push.ts";
import type { ClusterEntry } from "./exposition_index.ts";
import type { Range } from "./sample_picker.ts";

/** A slice of a block of a cluster. */
export interface Piece {
  /** Whose lines. */
  readonly entry: ClusterEntry;
  /** The block. */
  readonly block: Block;
  /** Where the lines start in the entry's text. */
  readonly start: number;
  /** Where they end there. */
  readonly end: number;
  /** Where set, only these lines between the two are asked for. */
  readonly picked?: readonly Range[];
  /** Where set, only the lines whose name is the block's with this suffix are meant: the family stands in groups of its parts. */
  readonly onlySuffix?: string;
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

  /**
   * Adds the lines of a block from `start` on, or those of them that are picked. They are shown under `name`, which may be the
   * block's with underscores.
   */
  add(
    entry: ClusterEntry,
    { block, start, picked, name = block.name }: {
      block: Block;
      start: number;
      picked?: readonly Range[];
      name?: string;
    },
  ) {
    const { type, end } = block;
    const key = `${type} ${name}`;
    let family = this.#families.get(key);
    if (family === undefined) this.#families.set(key, family = { name, type, pieces: [], clusters: 0 });
    if (family.pieces.at(-1)?.entry !== entry) family.clusters++;
    family.pieces.push({ entry, block, start, end, ...(picked === undefined ? {} : { picked }) });
  }

  /** The families with native histograms, which protobuf says whole whatever else has their names. */
  natives(): Group[] {
    return this.#families.values().map(({ name, type, pieces }): Group => {
      return { name, type, pieces: pieces.filter(({ block }) => block.natives.length > 0) };
    }).filter(({ pieces }) => pieces.length > 0).toArray();
  }

  /**
   * The groups by ascending name, each name once, and how many names were in conflict.
   *
   * Among counter, gauge and untyped the majority of clusters has its way. A histogram or summary that shares a name with
   * anything else, its own or one of its lines', is shown line name by line name, untyped; so is a gauge histogram, which not
   * every reader of the text knows.
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
      if (families.length > 1) conflicts++;
      for (const family of families) {
        const isInTheWay = families.length > 1 && isDistribution(family.type);
        if (isInTheWay || family.type === "gauge_histogram") split.add(family);
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
    const onlySuffix = LINE_SUFFIXES[family.type].find((suffix) => family.name + suffix === name);
    return onlySuffix === undefined ? [] : family.pieces.map((piece) => ({ ...piece, onlySuffix }));
  });
  if (pieces.length === 0) return undefined;
  if (families.some((family) => split.has(family))) return { name, type: "untyped", pieces };
  const [majority] = families.toSorted((a, b) => b.clusters - a.clusters || (a.type < b.type ? -1 : 1));
  return { name, type: majority.type, pieces };
}
