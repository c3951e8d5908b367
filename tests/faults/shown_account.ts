/**
 * What the pages of a ring show of its clusters, added up: for how long a cluster is on several, on none, or goes back.
 *
 * @module
 */

/** A page: the number of the latest push by cluster. */
export type Page = ReadonlyMap<string, number>;

/** The pages of all servers that came in one interval. A server that showed nothing has none, or an empty one. */
export interface Round {
  /** The clusters that should be shown: those of which a push was acknowledged before. */
  readonly due: Iterable<string>;
  /** The end of the interval, in milliseconds from any origin. */
  readonly atMs: number;
  /** By server; several if several came in. */
  readonly pages: ReadonlyMap<string, readonly Page[]>;
}

/** Sums over all clusters. */
export interface ShownTotals {
  /**
   * Seconds for which a cluster was on the pages of several servers, summed over clusters. That is the most: a cluster that
   * moves between two pages of one round is on both.
   */
  readonly twiceSeconds: number;
  /** The part of it that is certain: two servers showed the cluster in two rounds in a row, and so at the same time. */
  readonly surelyTwiceSeconds: number;
  /** Seconds for which one that should be shown was on none. */
  readonly missingSeconds: number;
  /** The longest time for which one cluster was on none. */
  readonly longestGapSeconds: number;
  /** Clusters that were on none at some time. */
  readonly missed: number;
  /** How often a cluster was shown with a lower number than before. */
  readonly wentBack: number;
}

interface Shown {
  latest: number;
  gapMs: number;
  longestGapMs: number;
  servers: ReadonlySet<string>;
}

const NOBODY: ReadonlySet<string> = new Set();

/** Adds up rounds. Each stands for the time since the one before. */
export class ShownAccount {
  readonly #clusters = new Map<string, Shown>();
  #lastMs: number;
  #twiceMs = 0;
  #surelyTwiceMs = 0;
  #missingMs = 0;
  #wentBack = 0;

  /** Nothing was shown before `startMs`, in milliseconds from the origin of the rounds. */
  constructor(startMs: number) {
    this.#lastMs = startMs;
  }

  /** Adds a round, and returns who shows each cluster in it. */
  add({ atMs, due, pages }: Round): Map<string, ReadonlySet<string>> {
    const elapsedMs = atMs - this.#lastMs;
    this.#lastMs = atMs;
    const showing = new Map<string, Set<string>>(), highest = new Map<string, number>();
    for (const [server, ofServer] of pages) {
      for (const page of ofServer) {
        for (const [id, number] of page) {
          if (!showing.has(id)) showing.set(id, new Set());
          showing.get(id)!.add(server);
          highest.set(id, Math.max(highest.get(id) ?? 0, number));
          // Pages of one round have no order, so that only what is lower than in an earlier round went back.
          if (number < (this.#clusters.get(id)?.latest ?? 0)) this.#wentBack++;
        }
      }
    }
    for (const id of due) {
      if (!this.#clusters.has(id)) this.#clusters.set(id, { latest: 0, gapMs: 0, longestGapMs: 0, servers: NOBODY });
    }
    for (const [id, shown] of this.#clusters) {
      shown.latest = highest.get(id) ?? shown.latest;
      const servers = showing.get(id) ?? NOBODY;
      if (servers.size > 1) this.#twiceMs += elapsedMs;
      if (servers.intersection(shown.servers).size > 1) this.#surelyTwiceMs += elapsedMs;
      shown.servers = servers;
      if (servers.size > 0) shown.gapMs = 0;
      else {
        this.#missingMs += elapsedMs;
        shown.gapMs += elapsedMs;
        shown.longestGapMs = Math.max(shown.longestGapMs, shown.gapMs);
      }
    }
    return showing;
  }

  /** The sums so far. */
  get totals(): ShownTotals {
    const gaps = Array.from(this.#clusters.values(), ({ longestGapMs }) => longestGapMs).filter((gap) => gap > 0);
    return {
      twiceSeconds: this.#twiceMs / 1_000,
      surelyTwiceSeconds: this.#surelyTwiceMs / 1_000,
      missingSeconds: this.#missingMs / 1_000,
      longestGapSeconds: gaps.reduce((a, b) => Math.max(a, b), 0) / 1_000,
      missed: gaps.length,
      wentBack: this.#wentBack,
    };
  }
}
