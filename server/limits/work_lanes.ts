/**
 * Work that others' pushes make, done so that none of them, and no run of them, keeps the rest waiting.
 *
 * A usual push is ingested in less than a millisecond, and one after the other is the fastest way. One of 2 MB of text takes
 * 300 ms, and a client may send them without end. So there are two lanes: in the quick one work is done at once, and given up
 * where it turns out to be long; then it begins anew in the slow one, a piece at a time between other things. There is one
 * piece of work at a time in the slow lane, as what it has made so far takes memory, and who has taken least of it goes first.
 *
 * @module
 */

import { BoundedMap } from "../../common/bounded_map.ts";
import type { Steps } from "../../common/steps.ts";
import { CapacityError } from "./capacity.ts";
import { EventLoopShare } from "./event_loop_share.ts";

/** How long work may take in the quick lane, in milliseconds: a usual push may, when the program has just started. */
const QUICK_MS = 50;
/** Who has had so much work given up goes to the slow lane at once. One time may be this machine's fault. */
const MOST_GIVEN_UP = 2;
/** How long the slow lane works before others come first, in milliseconds. */
const SLICE_MS = 10;
/** Pieces of work that may wait for the slow lane, each with the body of a push. */
const MOST_WAITING = 64;
/** For how long it is remembered what somebody has taken, in milliseconds; up to twice as long if they go on. */
const MEMORY_MS = 60_000;
/** Of how many it is remembered; about 150 bytes each. */
const MOST_REMEMBERED = 10_000;

/** Work that is not begun. */
export interface Work<Result> {
  /** Who makes it: a cluster. */
  readonly who: string;
  /** Begins it for the quick lane, which does all of its steps with nothing between them; undefined if it is known to be long. */
  readonly quickly: () => Steps<Result> | undefined;
  /** Begins it for the slow lane. */
  readonly slowly: () => Steps<Result>;
  /** Whether it may be refused where too much waits. @default {"never"} */
  readonly refuse?: "if many wait" | "never";
}

interface Waiting {
  readonly who: string;
  /** Does it, or passes on why it cannot be done. */
  readonly run: () => Promise<void>;
}

/** What somebody has taken lately. */
interface Taken {
  /** How often their work was given up in the quick lane. */
  readonly givenUp: number;
  /** What they took of the slow lane, in milliseconds. */
  readonly slowMs: number;
}

const NOTHING: Taken = { givenUp: 0, slowMs: 0 };

/** Does work in two lanes. */
export class WorkLanes {
  readonly #share: Pick<EventLoopShare, "take" | "rest">;
  readonly #elapsed: () => number;
  readonly #taken = new BoundedMap<string, Taken>(MOST_REMEMBERED);
  /** In the order in which it came. */
  readonly #waiting = new Set<Waiting>();
  /** Who has work in the slow lane, and how much: what comes later of them must not overtake it. */
  readonly #slow = new Map<string, number>();
  #agedAt = 0;
  #isWorking = false;

  /** Opens both lanes; `elapsed` is a clock in milliseconds that only goes forward. */
  constructor({ elapsed = () => performance.now(), share = new EventLoopShare({ elapsed }) }: {
    elapsed?: () => number;
    share?: Pick<EventLoopShare, "take" | "rest">;
  } = {}) {
    this.#elapsed = elapsed;
    this.#share = share;
  }

  /**
   * Does work, and resolves to its result.
   *
   * @throws {CapacityError} if too much waits, and it may be refused.
   */
  async do<Result>(work: Work<Result>): Promise<Result> {
    const { who } = work;
    const done = await this.#share.take(() => this.#tryQuickly(work));
    if (done !== undefined) return done.result;
    try {
      return await this.#doSlowly(work);
    } finally {
      const left = this.#slow.get(who)! - 1;
      if (left === 0) this.#slow.delete(who);
      else this.#slow.set(who, left);
    }
  }

  /** Does it at once, or finds that it is for the slow lane, where nothing of its maker overtakes it from then on. */
  #tryQuickly<Result>({ who, quickly }: Work<Result>): { readonly result: Result } | undefined {
    const isSlow = this.#slow.has(who) || this.#takenBy(who).givenUp >= MOST_GIVEN_UP;
    const done = isSlow ? undefined : this.#quickly(who, quickly);
    if (done === undefined) this.#slow.set(who, (this.#slow.get(who) ?? 0) + 1);
    return done;
  }

  #quickly<Result>(who: string, quickly: Work<Result>["quickly"]): { readonly result: Result } | undefined {
    const startedMs = this.#elapsed();
    const steps = quickly();
    if (steps === undefined) return undefined;
    for (;;) {
      const { done, value } = steps.next();
      if (done) return { result: value };
      if (this.#elapsed() - startedMs < QUICK_MS) continue;
      this.#charge(who, { givenUp: 1, slowMs: 0 });
      return undefined;
    }
  }

  async #doSlowly<Result>({ who, slowly, refuse = "never" }: Work<Result>): Promise<Result> {
    if (refuse === "if many wait" && this.#waiting.size >= MOST_WAITING) throw CapacityError.ofWork();
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#waiting.add({ who, run: () => this.#inSlices(who, slowly).then(resolve, reject) });
    if (!this.#isWorking) void this.#workOff();
    return await promise;
  }

  async #workOff(): Promise<void> {
    this.#isWorking = true;
    // Whoever has answered a push has time to take the next one before this goes on.
    while (this.#waiting.size > 0) {
      await this.#share.rest();
      const next = this.#next();
      this.#waiting.delete(next);
      await next.run();
    }
    this.#isWorking = false;
  }

  /** That of who has taken least; of equal ones the first that came. */
  #next(): Waiting {
    const [first, ...others] = this.#waiting;
    let next = first, least = this.#takenBy(first.who).slowMs;
    for (const one of others) {
      const taken = this.#takenBy(one.who).slowMs;
      if (taken < least) [next, least] = [one, taken];
    }
    return next;
  }

  async #inSlices<Result>(who: string, slowly: () => Steps<Result>): Promise<Result> {
    let sinceMs = this.#elapsed();
    try {
      for (const steps = slowly();;) {
        const { done, value } = steps.next();
        if (done) return value;
        const nowMs = this.#elapsed();
        if (nowMs - sinceMs < SLICE_MS) continue;
        this.#charge(who, { givenUp: 0, slowMs: nowMs - sinceMs });
        await this.#share.rest();
        sinceMs = this.#elapsed();
      }
    } finally {
      this.#charge(who, { givenUp: 0, slowMs: this.#elapsed() - sinceMs });
    }
  }

  #takenBy(who: string): Taken {
    return this.#taken.get(who) ?? NOTHING;
  }

  #charge(who: string, more: Taken) {
    const nowMs = this.#elapsed();
    if (nowMs - this.#agedAt >= MEMORY_MS) {
      this.#taken.age();
      this.#agedAt = nowMs;
    }
    const { givenUp, slowMs } = this.#takenBy(who);
    this.#taken.set(who, { givenUp: givenUp + more.givenUp, slowMs: slowMs + more.slowMs });
  }
}
