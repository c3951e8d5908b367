/**
 * Watches that what was acknowledged stays on some disk: (I2) of docs/ring.md.
 *
 * @module
 */

import type { Entry, Outcome } from "../../ring/protocol/effects.ts";
import type { PushBytes } from "../../ring/protocol/push_bytes.ts";
import { compareVersions, type PushVersion } from "../../ring/protocol/push_version.ts";
import type { Attempt, Push } from "./clients.ts";
import type { Node } from "./process.ts";
import { Violation } from "./violation.ts";

/** How much earlier than its time an entry may be taken for expired, in milliseconds: ages are reckoned by several clocks. */
export const EXPIRY_LEEWAY_MS = 10_000;

/** A push, and what became of it. */
interface Fate {
  readonly push: Push;
  /** The lowest version under which it is, or was, durable. */
  version?: PushVersion;
  /** The highest. */
  latest?: PushVersion;
  /** When it was first made durable. */
  storedAt: number;
  /** When it was last made durable as a push, and not as a copy: a client that got no answer pushes the same again. */
  pushedAt: number;
}

/** What must not get lost: the latest push of a cluster that was acknowledged. A client sends its pushes one after the other. */
export interface Floor {
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
  #wipedAt = -Infinity;
  #isForked = false;

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

  /** An entry is about to become durable. */
  commits(node: Node, entry: Entry) {
    const { id, version, bytes } = entry;
    const fate = this.#fates.get(bytes)!;
    const old = node.disk.entries.get(id);
    if (old !== undefined && compareVersions(version, old.version) < 0) {
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
    // A client that got no answer pushes the same again, and its owner gives it another version.
    if (fate.latest === undefined || compareVersions(version, fate.latest) > 0) {
      fate.latest = version;
      fate.pushedAt = this.#now();
    }
  }

  /** A client was answered. Whatever the word, it means that this push, or a later one of its cluster, is durable. */
  settled({ push, process }: Attempt, outcome: Outcome) {
    if (outcome.result === "rejected" || this.#isForked) return;
    const { id, serial } = push;
    const floor = this.floor(id);
    if (floor !== undefined && floor.push.serial >= serial) return;
    const storedAt = Math.min(this.storedAt(push.bytes), this.#now());
    const until = storedAt + this.#ttlMs - EXPIRY_LEEWAY_MS;
    if (until <= this.#now()) return;
    if (this.keepers(id, serial).length > 0) this.#floors.set(id, { push, until });
    // The answer may have been under way when the storage was deleted.
    else if (this.#wipedAt < storedAt) {
      const what = `${process.name} says '${outcome.result}' of push ${serial}, and no storage has it or a later one`;
      throw new Violation("I2", what, { cluster: id });
    }
  }

  /** A storage was deleted, or lost what it wrote last: what nobody else has is lost with it, unless it must survive. */
  wiped({ mustSurvive }: { mustSurvive: boolean }) {
    this.#wipedAt = this.#now();
    if (mustSurvive) return this.check();
    for (const [id, { push: { serial } }] of this.#floors) {
      if (this.keepers(id, serial).length === 0) this.#floors.delete(id);
    }
  }

  /**
   * Two parts of a ring go on by themselves, and each acknowledges what the other does not know: when they meet, one order of the
   * pushes of a cluster gives way to the other. From then on nothing is said of what survives.
   */
  forked() {
    this.#isForked = true;
    this.#floors.clear();
  }

  /** Whether that has happened. */
  get isForked(): boolean {
    return this.#isForked;
  }

  /** What was acknowledged is on some disk. */
  check() {
    for (const [id, { push: { serial }, until }] of this.#floors) {
      if (until <= this.#now() || this.keepers(id, serial).length > 0) continue;
      throw new Violation("I2", `push ${serial} was acknowledged, and no storage has it or a later one`, {
        cluster: id,
      });
    }
  }

  /** What must be held of a cluster now. */
  floor(id: string): Floor | undefined {
    const floor = this.#floors.get(id);
    return floor === undefined || floor.until <= this.#now() ? undefined : floor;
  }

  /** Whose disks have a push of a cluster, or a later one, by the order in which its client sent them. */
  keepers(id: string, serial: number): Node[] {
    return this.#nodes.filter(({ disk }) => {
      const entry = disk.entries.get(id);
      return entry !== undefined && this.pushOf(entry.bytes).serial >= serial;
    });
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
export function describe({ epoch, ms, ingress, sequence }: PushVersion): string {
  return `${epoch}/${ms % 1e7}/${ingress}/${sequence}`;
}
