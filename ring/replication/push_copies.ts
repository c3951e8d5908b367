/**
 * Has other members keep a push before its client is answered: the standby first, and whoever comes next where that does not answer
 * soon.
 *
 * ```text
 * push ── checked ──▶ COPY to the standby ── COPY_OK ──▶ kept
 *                        │ 250 ms, NACK, link down
 *                        ▼
 *                     COPY to the next ── COPY_OK ──▶ kept        2 s ──▶ not kept
 * ```
 *
 * @module
 */

import type { RingContext } from "../membership/ring_context.ts";
import { keyHash } from "../placement/rendezvous.ts";
import { type Clock, send } from "../protocol/effects.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { madeBytes, type PushBytes } from "../protocol/push_bytes.ts";
import type { PushVersion } from "../protocol/push_version.ts";

/** How long a member may take to keep a copy before the next one is asked as well, in milliseconds. */
export const NEXT_KEEPER_MS = 250;

/** How long copies are sought before the client is told that there are none, in milliseconds. */
export const COPIES_MS = 2_000;

/** A push that others are to keep. */
export interface PushToKeep {
  /** The cluster id. */
  readonly id: string;
  /** Its version. */
  readonly version: PushVersion;
  /** When it came, by the clock of the events. */
  readonly takenAt: number;
  /** The push. */
  readonly bytes: PushBytes;
  /** Told once whether enough others keep it, and who; perhaps before {@linkcode PushCopies.seek} returns. */
  readonly done: (kept: Kept, clock: Clock) => void;
}

/** What has come of seeking keepers. */
export interface Kept {
  /** Whether there are enough. */
  readonly isEnough: boolean;
  /** Who they are. */
  readonly by: ReadonlySet<string>;
}

interface Search {
  readonly push: PushToKeep;
  readonly deadline: number;
  readonly keepers: Set<string>;
  /** Who was asked and has not answered, by request number. */
  readonly asked: Map<number, string>;
  /** Who can be asked next. */
  untried: string[];
  nextAt: number;
}

/** Seeks keepers. */
export class PushCopies {
  readonly #context: RingContext;
  readonly #searches = new Set<Search>();
  readonly #byRequest = new Map<number, Search>();

  /** Starts with nothing sought. */
  constructor(context: RingContext) {
    this.#context = context;
  }

  /** How many pushes wait for others to keep them. */
  get size(): number {
    return this.#searches.size;
  }

  /** How many others must keep a push by the present view. */
  get needed(): number {
    const { copies } = this.#context;
    return Math.min(copies, this.#context.view().size) - 1;
  }

  /** Has others keep a push that we own. */
  seek(push: PushToKeep, clock: Clock): void {
    if (this.needed <= 0) return push.done({ isEnough: true, by: new Set() }, clock);
    const search: Search = {
      push,
      deadline: clock.now + COPIES_MS,
      keepers: new Set(),
      asked: new Map(),
      untried: this.#candidates(push.id),
      nextAt: clock.now + NEXT_KEEPER_MS,
    };
    this.#searches.add(search);
    for (let asked = 0; asked < this.needed; asked++) this.#askNext(search, clock);
  }

  /** A member has answered; false if that was no answer to us. */
  answered(from: string, message: MessageOf<"COPY_OK"> | MessageOf<"NACK">, clock: Clock): boolean {
    const search = this.#byRequest.get(message.request);
    if (search === undefined || search.asked.get(message.request) !== from) return false;
    this.#byRequest.delete(message.request);
    search.asked.delete(message.request);
    if (message.type === "NACK") this.#askNext(search, clock);
    else {
      search.keepers.add(from);
      this.#check(search, clock);
    }
    return true;
  }

  /** Nothing will come from a member any more. */
  linkDown(name: string, clock: Clock) {
    for (const search of this.#searches) {
      for (const [request, asked] of search.asked) {
        if (asked !== name) continue;
        search.asked.delete(request);
        this.#byRequest.delete(request);
        this.#askNext(search, clock);
      }
    }
  }

  /** Another view says who may be asked, and how many must keep what we still own. */
  viewChanged(clock: Clock) {
    for (const search of this.#searches) {
      if (this.#context.view().place(keyHash(search.push.id))?.owner !== this.#context.name) {
        this.#end(search, { isEnough: false, clock });
      } else {
        search.untried = this.#candidates(search.push.id).filter((name) => !search.keepers.has(name));
        this.#check(search, clock);
      }
    }
  }

  /** Time has passed. */
  tick(clock: Clock) {
    for (const search of this.#searches) {
      if (clock.now >= search.deadline) this.#end(search, { isEnough: false, clock });
      else if (clock.now >= search.nextAt) {
        // All have been asked: those whose view was another one may have ours by now.
        if (search.untried.length === 0) {
          const busy = new Set([...search.keepers, ...search.asked.values()]);
          search.untried = this.#candidates(search.push.id).filter((name) => !busy.has(name));
        }
        this.#askNext(search, clock);
      }
    }
  }

  #candidates(id: string): string[] {
    return this.#context.view().successors(keyHash(id));
  }

  #askNext(search: Search, { now }: Clock) {
    const context = this.#context;
    const { id, version, takenAt, bytes } = search.push;
    search.nextAt = now + NEXT_KEEPER_MS;
    while (search.untried.length > 0) {
      const name = search.untried.shift()!;
      // Past a link that is cut there is somebody else to keep it, too.
      if (!context.isLinked(name) || context.wayTo(name, now) !== name) continue;
      const request = context.nextRequest(), view = context.view().digest, ageMs = now - takenAt;
      search.asked.set(request, name);
      this.#byRequest.set(request, search);
      const copy = { id, version, view, ageMs, pushed: true, bytes: madeBytes(bytes) };
      return context.emit(send(name, { type: "COPY", request, ...copy }));
    }
  }

  #check(search: Search, clock: Clock) {
    const kept = [...search.keepers].filter((name) => this.#context.view().has(name)).length;
    if (kept >= this.needed) this.#end(search, { isEnough: true, clock });
  }

  #end(search: Search, { isEnough, clock }: { isEnough: boolean; clock: Clock }) {
    if (!this.#searches.delete(search)) return;
    for (const request of search.asked.keys()) this.#byRequest.delete(request);
    search.push.done({ isEnough, by: search.keepers }, clock);
  }
}
