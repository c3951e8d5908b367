/**
 * Watches that what was acknowledged stays on some disk: (I2) of docs/ring.md.
 *
 * @module
 */

import type { Entry, Outcome } from "../../ring/protocol/effects.ts";
import type { PushBytes } from "../../ring/protocol/push_bytes.ts";
import { CLOCK_LEEWAY_MS, compareVersions, type PushVersion } from "../../ring/protocol/push_version.ts";
import type { Attempt, Push } from "./clients.ts";
import type { Node } from "./process.ts";
import { Violation } from "./violation.ts";

/** How much earlier than its time an entry may be taken for expired, in milliseconds: ages are reckoned by several clocks. */
export const EXPIRY_LEEWAY_MS = 10_000;

/** How long a push may have been under way when it is acknowledged, in milliseconds. */
const ANSWER_LEEWAY_MS = 15_000;

/** A push, and what became of it. */
interface Fate {
  readonly push: Push;
  /** The lowest version under which it is, or was, durable. */
  version?: PushVersion;
  /** When it was first made durable. */
  storedAt: number;
  /** When it was last made durable as a push, and not as a copy: a client that got no answer pushes the same again. */
  pushedAt: number;
}

/** What must not get lost. */
export interface Floor {
  readonly version: PushVersion;
  readonly push: Push;
  /** Until when it counts. */
  readonly until: number;
}

/** Knows what is durable, and what must be. */
export class DurabilityWatch {
  readonly #nodes: readonly Node[];
  readonly #ttlMs: number;
  readonly #now: () => number;
  readonly #fates = new Map<PushBytes, Fate>();
  readonly #floors = new Map<string, Floor>();
  // The latest push of each cluster that was acknowledged, and when.
  readonly #acknowledged = new Map<string, { serial: number; at: number }>();
  #wipedAt = -Infinity;

  /** Starts with nothing pushed. */
  constructor({ nodes, ttlMs, now }: { nodes: readonly Node[]; ttlMs: number; now: () => number }) {
    this.#nodes = nodes;
    this.#ttlMs = ttlMs;
    this.#now = now;
  }

  /** A client pushes. */
  pushed(push: Push) {
    if (!this.#fates.has(push.bytes)) this.#fates.set(push.bytes, { push, storedAt: Infinity, pushedAt: -Infinity });
  }

  /** The push with these bytes. */
  pushOf(bytes: PushBytes): Push {
    return this.#fates.get(bytes)!.push;
  }

  /** When the push with these bytes was first made durable. */
  storedAt(bytes: PushBytes): number {
    return this.#fates.get(bytes)!.storedAt;
  }

  /** When the push with these bytes was last made durable as a push, and not as a copy. */
  pushedAt(bytes: PushBytes): number {
    return this.#fates.get(bytes)!.pushedAt;
  }

  /** An entry is about to become durable, which is `fresh` if it comes from a client. */
  commits(node: Node, { entry, fresh }: { entry: Entry; fresh: boolean }) {
    const { id, version, bytes } = entry;
    const fate = this.#fates.get(bytes)!;
    const old = node.disk.entries.get(id);
    if (old !== undefined && compareVersions(version, old.version) <= 0) {
      const ageMs = this.#now() - this.storedAt(old.bytes);
      if (ageMs < this.#ttlMs - EXPIRY_LEEWAY_MS) {
        throw new Violation(
          "I2",
          `${node.name} stores ${describe(version)} in place of ${describe(old.version)}`,
          { cluster: id },
        );
      }
    }
    if (fate.version === undefined || compareVersions(version, fate.version) < 0) fate.version = version;
    fate.storedAt = Math.min(fate.storedAt, this.#now());
    if (fresh) fate.pushedAt = this.#now();
  }

  /** A client was answered. */
  settled({ push, process }: Attempt, outcome: Outcome) {
    if (outcome.result === "rejected") return;
    const { id } = push;
    const latest = this.#acknowledged.get(id);
    if (latest === undefined || latest.serial < push.serial) {
      this.#acknowledged.set(id, { serial: push.serial, at: this.#now() });
    }
    const { version, storedAt } = this.#fates.get(push.bytes)!;
    const lost = (why: string) => {
      const said = `${process.name} says '${outcome.result}' of push ${push.serial}`;
      throw new Violation("I2", `${said}, ${why}`, { cluster: id });
    };
    // A push that is older than what is held promises no more than that. A standby that finds it so does not say it.
    if (outcome.result === "stale" || (outcome.result === "standby" && version === undefined)) {
      if (!this.#nodes.some(({ disk }) => disk.entries.has(id))) lost("but nobody holds anything of its cluster");
      return;
    }
    if (version === undefined) return lost("which is not durable anywhere");
    const floor = this.#floors.get(id);
    const isHigher = floor === undefined || floor.until <= this.#now() || compareVersions(version, floor.version) > 0;
    if (!isHigher) return;
    const until = storedAt + this.#ttlMs - EXPIRY_LEEWAY_MS;
    if (until <= this.#now()) return;
    if (this.holders(id, version).length > 0) this.#floors.set(id, { version, push, until });
    // The answer may have been under way when the storage was deleted.
    else if (this.#wipedAt < storedAt) lost("of which no storage is left");
  }

  /** A storage was deleted: what nobody else has is lost with it, which is an error only where it was not the last. */
  wiped({ mustSurvive }: { mustSurvive: boolean }) {
    this.#wipedAt = this.#now();
    for (const [id, { version, push, until }] of this.#floors) {
      if (until <= this.#now() || this.holders(id, version).length > 0) continue;
      if (mustSurvive) {
        const what = `push ${push.serial} as ${
          describe(version)
        } was on the storage of a member that has left, and nowhere else`;
        throw new Violation("I2", what, { cluster: id });
      }
      this.#floors.delete(id);
    }
  }

  /** Whether a push of a cluster was acknowledged that is newer than these bytes by more than clocks may be apart. */
  isBehind(id: string, bytes: PushBytes): boolean {
    const latest = this.#acknowledged.get(id);
    return latest !== undefined && this.pushOf(bytes).serial < latest.serial &&
      latest.at - this.storedAt(bytes) > 2 * CLOCK_LEEWAY_MS + ANSWER_LEEWAY_MS;
  }

  /** What must be held of a cluster now. */
  floor(id: string): Floor | undefined {
    const floor = this.#floors.get(id);
    return floor === undefined || floor.until <= this.#now() ? undefined : floor;
  }

  /** Whose disks have a version of a cluster, or a higher one. */
  holders(id: string, version: PushVersion): Node[] {
    return this.#nodes.filter(({ disk }) => {
      const entry = disk.entries.get(id);
      return entry !== undefined && compareVersions(entry.version, version) >= 0;
    });
  }
}

/** A version in a few characters. */
export function describe({ ms, ingress, sequence }: PushVersion): string {
  return `${ms % 1e7}/${ingress}/${sequence}`;
}
