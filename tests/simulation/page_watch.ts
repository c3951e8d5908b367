/**
 * Watches pages as a central Prometheus reads them: (I1) and (I3) of docs/ring.md. A page that was asked for after another one had come
 * must not be behind it: for no cluster may it be by an earlier view, or hold an older push.
 *
 * @module
 */

import { compareVersions, type PushVersion } from "../../ring/protocol/push_version.ts";
import { describe } from "./durability_watch.ts";
import { Violation } from "./violation.ts";

/** What a page shows of one cluster. */
export interface ShownVersion {
  /** The version. */
  readonly version: PushVersion;
  /** Which push of its client it is. */
  readonly serial: number;
  /** When it was last pushed. */
  readonly storedAt: number;
}

/** A page that has come. */
export interface ScrapedPage {
  /** Whose it is. */
  readonly member: string;
  /** When it was asked for, and when it came. */
  readonly askedAt: number;
  readonly cameAt: number;
  /** The epoch of the view by which it shows what it shows. */
  readonly epoch: number;
  /** Whether a version of a cluster is where the member could have it from. */
  readonly canKnow: (id: string, version: PushVersion) => boolean;
  /** By cluster. */
  readonly shown: ReadonlyMap<string, ShownVersion>;
}

/** The most that pages have shown of a cluster by some time, each by itself. */
interface Seen {
  readonly at: number;
  readonly epoch: number;
  readonly by: string;
  readonly serial: number;
  readonly version: PushVersion;
  readonly storedAt: number;
}

/** Compares pages. */
export class PageWatch {
  readonly #ttlMs: number;
  readonly #mayFork: () => boolean;
  // In the order in which they came; each holds the most of all before.
  readonly #seen = new Map<string, Seen[]>();
  /** How many pages have come. */
  pages = 0;

  /** Starts with no page. Where a ring may have forked, its parts show what they like. */
  constructor({ ttlMs, mayFork }: { ttlMs: number; mayFork: () => boolean }) {
    this.#ttlMs = ttlMs;
    this.#mayFork = mayFork;
  }

  /** Most of the disks are lost on which the last view was: what begins then knows nothing of what was before. */
  lost() {
    this.#seen.clear();
  }

  /** A page has come. */
  scraped({ member, askedAt, cameAt, epoch, canKnow, shown }: ScrapedPage) {
    this.pages++;
    for (const [id, { version, serial, storedAt }] of shown) {
      let seen = this.#seen.get(id);
      if (seen === undefined) this.#seen.set(id, seen = []);
      const before = seen.findLast(({ at }) => at < askedAt);
      if (before !== undefined && !this.#mayFork()) {
        // A view has one owner.
        if (epoch < before.epoch || (epoch === before.epoch && before.by !== member)) {
          throw new Violation("I1", `${member} shows it by view ${epoch} after ${before.by} did by ${before.epoch}`, {
            cluster: id,
          });
        }
        const isOlder = serial < before.serial || compareVersions(version, before.version) < 0;
        // Two machines may be lost at the same time: what only they have is shown again once one of them is back.
        if (isOlder && cameAt - before.storedAt < this.#ttlMs && canKnow(id, before.version)) {
          const from = `from push ${before.serial}, ${describe(before.version)}, to ${serial}, ${describe(version)}`;
          throw new Violation("I3", `${member} shows it going back ${from}`, { cluster: id });
        }
      }
      const last = seen.at(-1);
      const isNewer = last === undefined || compareVersions(version, last.version) >= 0;
      seen.push({
        at: cameAt,
        by: last !== undefined && last.epoch > epoch ? last.by : member,
        epoch: Math.max(epoch, last?.epoch ?? 0),
        serial: Math.max(serial, last?.serial ?? 0),
        version: isNewer ? version : last.version,
        storedAt: isNewer ? storedAt : last.storedAt,
      });
      // A page is waited for no longer than processes are stopped.
      while (seen.length > 1 && seen[1].at < cameAt - 120_000) seen.shift();
    }
  }
}
