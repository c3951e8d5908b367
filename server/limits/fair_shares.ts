/**
 * Shares of work that only so much of may be done at a time, so that nobody who asks for much of it keeps it from others.
 *
 * @module
 */

/** What {@linkcode FairShares} have to share out. */
export interface FairSharesOptions {
  /** Works that may be under way at a time. */
  readonly places: number;
  /** Works that may wait for a place, in all. */
  readonly maxWaiting: number;
  /** How long one of them waits at most, in milliseconds. */
  readonly patienceMs: number;
  /** How long a work that came to nothing goes on counting as its sender's, in milliseconds: so it bounds their rate. */
  readonly penaltyMs: number;
  /**
   * The time, in milliseconds of a clock that does not go back.
   *
   * @default {() => performance.now()}
   */
  readonly now?: () => number;
  /**
   * Spreads the times at which those come back who were refused together, from 0 to 1.
   *
   * @default {Math.random}
   */
  readonly random?: () => number;
}

/** Why there is no place: others of the same sender wait already, more than of anybody else; or too many senders do. */
export type NoPlaceReason = "share" | "wait";

const WORDS: Readonly<Record<NoPlaceReason, string>> = {
  share: "Cannot let another one wait where so many of the same sender do",
  wait: "Cannot wait any longer for a place",
};

/** There is no place for a work, which was not begun. */
export class NoPlaceError extends Error {
  /** Stable, for the place that maps errors to HTTP responses. */
  readonly code = "no_place";
  /** The name of the class. */
  override readonly name = "NoPlaceError";
  /** Why. */
  readonly reason: NoPlaceReason;
  /** When there may be one, in milliseconds. */
  readonly retryAfterMs: number;

  /** No place for `reason`. */
  constructor(reason: NoPlaceReason, retryAfterMs: number) {
    super(WORDS[reason]);
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Whose work it is, and how it is given up. */
export interface WorkOptions {
  /** The sender, as a path of those that share among each other: a network, an address in it, a token from there. */
  readonly path: readonly string[];
  /** Aborted when nobody wants the work any more, if it has not begun yet. */
  readonly signal: AbortSignal;
}

/** The least and the most that somebody who is refused is told to wait, before it is spread. */
const RETRY_LIMITS = { leastMs: 1_000, mostMs: 60_000 };
/** By which part of it that is spread, so that not all come back at once. */
const RETRY_SPREAD = 1 / 2;
/** How much the latest work counts in how long one takes. */
const LATEST_WEIGHT = 1 / 16;

/** One that shares with its siblings; there only while it has works under way, counted or waiting. */
interface Sender {
  readonly name: string;
  readonly children: Map<string, Sender>;
  /** Works under way of it and of those below it, and those that came to nothing lately. */
  held: number;
  /** Works that wait, of it and of those below it. */
  waiting: number;
  /** Those below it that have works waiting, in the order of their turns. */
  readonly turns: Set<Sender>;
  /** Its own works that wait, the oldest first. */
  readonly line: Set<Waiting>;
}

interface Waiting {
  readonly senders: readonly Sender[];
  readonly untilMs: number;
  readonly begin: () => void;
  readonly refuse: (error: NoPlaceError) => void;
}

/** A work that came to nothing. */
interface Wasted {
  readonly senders: readonly Sender[];
  readonly untilMs: number;
}

/**
 * Shares places out. A sender may take another one as long as it holds fewer than would be left (the dynamic thresholds of
 * Choudhury and Hahne, 1998): one alone has half of all places, two a third each, so that whoever comes next finds one free.
 * The same holds within a sender, of what is left to it. Those for whom there is no place wait, and get theirs in turns.
 *
 * ```
 *           place free, sender below its share
 *   asks ─────────────────────────────────────────▶ under way ─▶ done
 *     │                        ▲                        └─ for nothing ─▶ counted for a while ─▶ done
 *     └─▶ waits ───────────────┘
 *           ├─ longest line, and no room ─▶ refused: share, or wait if it is all of its sender
 *           ├─ patience at its end ───────▶ refused: wait
 *           └─ given up
 * ```
 */
export class FairShares {
  readonly #options: Required<FairSharesOptions>;
  /** Everybody; what it holds are works under way alone. */
  readonly #root = newSender("");
  /** All that waits, the oldest first. */
  readonly #waiting = new Set<Waiting>();
  /** When works under way began, the oldest first. */
  readonly #begun = new Set<{ readonly sinceMs: number }>();
  readonly #wasted = new Set<Wasted>();
  #usualMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Starts with all places free. */
  constructor(options: FairSharesOptions) {
    this.#options = { now: () => performance.now(), random: Math.random, ...options };
  }

  /** Works under way now. */
  get underWay(): number {
    return this.#root.held;
  }

  /** Works that wait now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Senders known now: those of works that are under way, counted or waiting. */
  get senders(): number {
    const count = ({ children }: Sender): number => children.values().reduce((sum, child) => sum + 1 + count(child), 0);
    return count(this.#root);
  }

  /**
   * Does a work when there is a place for it. If it rejects it has come to nothing.
   *
   * @throws {NoPlaceError} if there is none, or the signal's reason once that is aborted before the work began.
   */
  async run<T>(work: () => Promise<T>, { path, signal }: WorkOptions): Promise<T> {
    signal.throwIfAborted();
    const senders = await this.#place(path, signal);
    const begun = { sinceMs: this.#options.now() };
    this.#begun.add(begun);
    let { penaltyMs } = this.#options;
    try {
      const done = await work();
      penaltyMs = 0;
      return done;
    } finally {
      const now = this.#options.now();
      this.#begun.delete(begun);
      this.#usualMs += LATEST_WEIGHT * (now - begun.sinceMs + penaltyMs - this.#usualMs);
      this.#root.held--;
      if (penaltyMs > 0) this.#wasted.add({ senders, untilMs: now + penaltyMs });
      else this.#count(senders, { held: -1 });
      this.#move();
    }
  }

  async #place(path: readonly string[], signal: AbortSignal): Promise<readonly Sender[]> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const senders = this.#sendersOf(path);
    const untilMs = this.#options.now() + this.#options.patienceMs;
    const waiting: Waiting = { senders, untilMs, begin: resolve, refuse: reject };
    this.#waiting.add(waiting);
    senders.at(-1)!.line.add(waiting);
    this.#count(senders, { waiting: 1 });
    this.#move();
    const giveUp = () => {
      if (!this.#waiting.has(waiting)) return;
      this.#leave(waiting);
      this.#move();
      reject(signal.reason);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await promise;
      return senders;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  #sendersOf(path: readonly string[]): Sender[] {
    let above = this.#root;
    return path.map((name) => {
      let sender = above.children.get(name);
      if (sender === undefined) above.children.set(name, sender = newSender(name));
      return above = sender;
    });
  }

  /** Counts what a sender and those above it hold and wait for, and forgets those that do neither. */
  #count(senders: readonly Sender[], { held = 0, waiting = 0 }: { held?: number; waiting?: number }) {
    for (let depth = senders.length - 1; depth >= 0; depth--) {
      const sender = senders[depth], above = senders[depth - 1] ?? this.#root;
      sender.held += held;
      sender.waiting += waiting;
      if (sender.waiting > 0) above.turns.add(sender);
      else above.turns.delete(sender);
      if (sender.waiting === 0 && sender.held === 0) above.children.delete(sender.name);
    }
  }

  /** Ends what its time is up for, gives out what is free, and sees to it that this happens again in time. */
  #move() {
    const now = this.#options.now();
    for (const wasted of this.#wasted) {
      if (now < wasted.untilMs) break;
      this.#wasted.delete(wasted);
      this.#count(wasted.senders, { held: -1 });
    }
    for (;;) {
      const waiting = next(this.#root, this.#options.places - this.#root.held);
      if (waiting === undefined) break;
      this.#leave(waiting, { held: 1 });
      this.#root.held++;
      waiting.begin();
    }
    for (const waiting of this.#waiting) {
      if (now < waiting.untilMs) break;
      this.#refuse(waiting, "wait");
    }
    while (this.#waiting.size > this.#options.maxWaiting) {
      const newest = this.#newestOfLongestLine();
      const [{ held, waiting }] = newest.senders;
      this.#refuse(newest, held + waiting > 1 ? "share" : "wait");
    }
    clearTimeout(this.#timer);
    const [[oldest], [earliest]] = [this.#waiting, this.#wasted];
    if (oldest === undefined) return;
    const at = Math.min(oldest.untilMs, earliest?.untilMs ?? Infinity);
    this.#timer = setTimeout(() => this.#move(), Math.max(1, at - now));
  }

  #leave(waiting: Waiting, { held = 0 }: { held?: number } = {}) {
    this.#waiting.delete(waiting);
    waiting.senders.at(-1)!.line.delete(waiting);
    this.#count(waiting.senders, { held, waiting: -1 });
  }

  #refuse(waiting: Waiting, reason: NoPlaceReason) {
    const retryAfterMs = this.#retryAfterMs(waiting.senders);
    this.#leave(waiting);
    waiting.refuse(new NoPlaceError(reason, retryAfterMs));
  }

  /** How long it takes until all that waits of a sender, or of those above it, has had its turn, as works take of late. */
  #retryAfterMs(senders: readonly Sender[]): number {
    const [oldest] = this.#begun;
    const usualMs = Math.max(this.#usualMs, this.#options.now() - (oldest?.sinceMs ?? Infinity));
    const turns = Math.max(...senders.map(({ waiting, held }) => waiting / Math.max(1, held)));
    const ms = Math.min(Math.max(turns * usualMs, RETRY_LIMITS.leastMs), RETRY_LIMITS.mostMs);
    return ms * (1 + RETRY_SPREAD * this.#options.random());
  }

  #newestOfLongestLine(): Waiting {
    let sender = this.#root;
    while (sender.turns.size > 0) {
      // Of equals the one whose turn is the furthest: who has waited is not to be pushed out by who has just come.
      sender = sender.turns.values().reduce((longest, other) => other.waiting >= longest.waiting ? other : longest);
    }
    return [...sender.line].at(-1)!;
  }
}

function newSender(name: string): Sender {
  return { name, children: new Map(), held: 0, waiting: 0, turns: new Set(), line: new Set() };
}

/** The work whose turn it is below a sender that has room for so many more; whoever has had a turn is last. */
function next(sender: Sender, room: number): Waiting | undefined {
  if (room <= 0) return undefined;
  for (const child of sender.turns) {
    const waiting = next(child, room - child.held);
    if (waiting === undefined) continue;
    sender.turns.delete(child);
    sender.turns.add(child);
    return waiting;
  }
  const [first] = sender.line;
  return first;
}
