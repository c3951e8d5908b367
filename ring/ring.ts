/**
 * A member of the ring that runs: gives the pure {@linkcode RingMachine} time, links and a store, and does what it asks for.
 *
 * @module
 */

import { explain } from "../common/explain.ts";
import type { Logger } from "../common/log.ts";
import type { Registry } from "../common/metrics.ts";
import { plainFields, plainText } from "../common/plain_text.ts";
import { RepeatLog } from "../common/repeat_log.ts";
import {
  type Clock,
  type CommitResult,
  type Effect,
  type Entry,
  type Outcome,
  type RingEvent,
  type StoredEntry,
  TICK_MS,
} from "./protocol/effects.ts";
import type { Closed } from "./protocol/closed.ts";
import type { Hello, Mesh } from "./protocol/mesh.ts";
import type { Role } from "./protocol/messages.ts";
import type { PushBytes } from "./protocol/push_bytes.ts";
import type { PushVersion } from "./protocol/push_version.ts";
import { DEFAULT_RING_LIMITS, type RingLimits } from "./protocol/ring_limits.ts";
import { type Answerer, Questions } from "./transport/questions.ts";
import { RingMachine } from "./ring_machine.ts";
import { RingMetrics } from "./ring_metrics.ts";
import { type RingStatus, statusOf, type Transition, Transitions } from "./ring_status.ts";
import { readSavedState } from "./saved_state.ts";

/** How an entry is made durable. */
export interface CommitHow {
  /** What the member is for its cluster. */
  readonly role: Role;
  /** Whether it has only just entered the ring, so that nobody has checked it yet. */
  readonly fresh: boolean;
  /**
   * Called once it was checked, if that is asked for, and is being made durable: with what others are to keep, if that is not what
   * came.
   */
  readonly checked?: (kept?: PushBytes) => void;
}

/** What the ring needs of the server that it is part of. */
export interface RingHost {
  /**
   * Makes an entry durable in place of what its cluster has. Never called for a cluster whose last call has not ended. Rejections count as a store that fails.
   */
  commit(entry: Entry, how: CommitHow): Promise<CommitResult>;
  /** What is held of a cluster. */
  load(id: string): Promise<Entry | undefined>;
  /** Makes ready to show this version of a cluster, if there is room for that: it will most likely be asked for soon. */
  prepare(id: string, version: PushVersion): void;
  /** Gives up what was prepared and is not shown. */
  release(): void;
  /** Shows what is held of a cluster from now on, which is this version. */
  show(id: string, version: PushVersion): void;
  /** Shows nothing of a cluster from now on. */
  hide(id: string): void;
  /** Keeps a text over a restart, in place of the one before. */
  save(state: string): Promise<void>;
}

/** What a {@linkcode Ring} works with. */
export interface RingOptions {
  /** Who we are. */
  readonly self: Omit<Hello, "incarnation" | "boot">;
  /** Whether it only votes and forwards, and owns nothing. @default {false} */
  readonly isWitness?: boolean;
  /** Addresses of members to begin with. */
  readonly seeds: readonly string[];
  /** Whether to start a ring of one, if need be, though others are given and this member was never in a ring. @default {false} */
  readonly bootstraps?: boolean;
  /** What {@linkcode RingHost.save} was given last, by the last process of this name. */
  readonly saved?: string;
  /** What the store holds. */
  readonly entries?: Iterable<StoredEntry>;
  /** How long an entry holds, in milliseconds. */
  readonly ttlMs: number;
  /** On how many members a push must be durable before its client is answered. @default {2} */
  readonly copies?: number;
  /** Makes the network, which says HELLO with what it is given. */
  readonly mesh: (hello: () => Hello) => Mesh;
  /** The server. */
  readonly host: RingHost;
  /** Answers what other members ask; without it, nothing is. */
  readonly answer?: Answerer;
  /** Gets the metrics. */
  readonly registry: Registry;
  /** Gets what happens in the ring. */
  readonly log: Logger;
  /** Bounds that differ from {@linkcode DEFAULT_RING_LIMITS}. */
  readonly limits?: Partial<RingLimits>;
}

/** After how long a state that could not be kept is tried again, in milliseconds. */
const SAVE_AGAIN_MS = 1_000;

/** How a push ends that comes when we have left. */
const UNREACHABLE: Outcome = { result: "rejected", reason: "unreachable" };

/** A member of the ring. Disposing of it cuts its links at once: leave first. */
export class Ring implements AsyncDisposable {
  readonly #options: RingOptions;
  readonly #machine: RingMachine;
  readonly #mesh: Mesh;
  readonly #questions: Questions;
  readonly #transitions = new Transitions();
  readonly #metrics: RingMetrics;
  readonly #pushes = new Map<number, (outcome: Outcome) => void>();
  readonly #pages = new Map<number, (closed: Closed | undefined) => void>();
  readonly #left = Promise.withResolvers<void>();
  readonly #unreadable: RepeatLog;
  #state: { readonly number: number; readonly text: string } | undefined;
  #saving: Promise<void> | undefined;
  #token = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isOver = false;
  #disposed = false;

  private constructor(options: RingOptions) {
    const { self, isWitness, saved, entries, seeds, bootstraps, ttlMs, copies, limits, registry, log } = options;
    this.#options = options;
    this.#unreadable = new RepeatLog(log, { level: "warn" });
    const { now, wall } = clock();
    this.#machine = new RingMachine({
      self: { ...self, boot: randomBoot() },
      isWitness,
      saved: saved === undefined ? undefined : readSavedState(saved, { wall, log }),
      entries,
      seeds,
      bootstraps,
      ttlMs,
      copies,
      limits,
      clock: { now, wall },
      random,
    });
    this.#mesh = options.mesh(() => {
      const { name, boot, incarnation, address, host } = this.#machine.membership.self;
      return { name, boot, incarnation, address, host };
    });
    this.#questions = new Questions({
      send: (to, message) => this.#mesh.send(to, message),
      answer: options.answer ?? (() => Promise.reject(new Error("It answers no questions"))),
    });
    this.#metrics = new RingMetrics(registry, () => this.status());
  }

  /**
   * Starts a member that joins. Resolves once it listens and its incarnation is kept; it has joined when nothing is
   * {@linkcode Ring.closed} any more.
   *
   * @throws {UsageError} if it cannot listen.
   */
  static async start(options: RingOptions): Promise<Ring> {
    const ring = new Ring(options);
    try {
      await ring.#start();
    } catch (error) {
      await ring[Symbol.asyncDispose]();
      throw error;
    }
    return ring;
  }

  /**
   * Resolves once the page may be shown as it is at that moment, or why not: enough of the ring have confirmed, after this was called,
   * that nobody else shows what is on it. Never rejects.
   */
  page(): Promise<Closed | undefined> {
    const token = ++this.#token;
    const { promise, resolve } = Promise.withResolvers<Closed | undefined>();
    this.#pages.set(token, resolve);
    this.#handle({ type: "page", token });
    return promise;
  }

  /** Why nothing may be shown now; undefined if what was shown by {@linkcode RingHost.show} may be. */
  get closed(): Closed | undefined {
    return this.#machine.closed(performance.now());
  }

  /** Brings a push to its owner, or to the standby if that cannot be reached. Never rejects. */
  push(id: string, bytes: PushBytes): Promise<Outcome> {
    if (this.#isOver) return Promise.resolve(UNREACHABLE);
    const token = ++this.#token;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#pushes.set(token, resolve);
    this.#handle({ type: "push", token, id, bytes });
    return promise;
  }

  /** This member's name. */
  get name(): string {
    return this.#options.self.name;
  }

  /** Where a cluster belongs, by this member's view. */
  place(id: string): { readonly owner?: string; readonly standby?: string } {
    return this.#machine.place(id) ?? {};
  }

  /** The members among which clusters are placed by this member's view. */
  get members(): readonly string[] {
    return this.#machine.membership.view.names;
  }

  /**
   * Asks the server of another member.
   *
   * @throws {UnansweredError} if there is no answer in time.
   */
  ask(to: string, question: Parameters<Questions["ask"]>[1]): Promise<Uint8Array> {
    return this.#questions.ask(to, question);
  }

  /** Hands over what we own, and leaves; pushes are forwarded meanwhile. Resolves when that is done or has taken too long. */
  leave(): Promise<void> {
    this.#handle({ type: "leave" });
    return this.#left.promise;
  }

  /**
   * Has the ring go on with the members that are named alone, whose majority is lost otherwise. Returns why that is not done. Whoever
   * else of the ring is alive must not be: what it shows is shown twice from then on.
   */
  forceView(names: readonly string[]): string | undefined {
    const refusal = this.#machine.forceView(names, clock());
    this.#handle({ type: "tick" });
    return refusal;
  }

  /** Forgets a member that is gone; false if it is there, or nobody knows it. */
  forget(name: string): boolean {
    const isForgotten = this.#machine.membership.forget(name, clock());
    this.#handle({ type: "tick" });
    return isForgotten;
  }

  /** What there is to know of the ring, as this member sees it. */
  status(): RingStatus {
    const { limits } = this.#options;
    const { latest } = this.#transitions;
    return statusOf(this.#machine, {
      now: performance.now(),
      limits: { ...DEFAULT_RING_LIMITS, ...limits },
      transitions: latest,
    });
  }

  /** Cuts the links, and gives up what is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    clearInterval(this.#timer);
    await this.#mesh[Symbol.asyncDispose]();
    await this.#saving;
    this.#end();
  }

  async #start(): Promise<void> {
    const effects = this.#machine.handle({ type: "tick" }, clock());
    for (const effect of effects) if (effect.do === "save") this.#save(effect);
    // With an incarnation that is not kept, the next start could take one that was used already.
    await this.#saving;
    await this.#mesh.start({
      admit: (hello) => this.#machine.admit(hello, performance.now()),
      linkUp: (link) => this.#handle({ type: "linkUp", link }),
      linkDown: (link, reason) => {
        this.#questions.linkDown(link.peer.name);
        this.#handle({ type: "linkDown", link, reason });
      },
      dialFailed: (address, refusal) => this.#handle({ type: "dialFailed", address, refusal }),
      message: (link, message) => {
        if (!this.#questions.take(link, message)) this.#handle({ type: "message", link, message });
      },
    });
    this.#do(effects.filter((effect) => effect.do !== "save"));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Nothing more comes of the machine. */
  #end() {
    this.#isOver = true;
    this.#questions.close();
    for (const resolve of this.#pushes.values()) resolve(UNREACHABLE);
    this.#pushes.clear();
    for (const resolve of this.#pages.values()) resolve(this.closed);
    this.#pages.clear();
    this.#left.resolve();
  }

  #tick() {
    this.#handle({ type: "tick" });
    this.#metrics.tick(performance.now());
    this.#unreadable.flush();
  }

  #handle(event: RingEvent) {
    if (!this.#disposed) this.#do(this.#machine.handle(event, clock()));
  }

  #do(effects: readonly Effect[]) {
    for (const effect of effects) {
      try {
        this.#doOne(effect);
      } catch (error) {
        // One effect that fails must not keep the machine from the others.
        this.#options.log.error("Cannot carry out an effect of the ring", { effect: effect.do, error: explain(error) });
      }
    }
  }

  #doOne(effect: Effect) {
    const { host } = this.#options;
    switch (effect.do) {
      case "send":
        if (!this.#mesh.send(effect.to, effect.message)) this.#metrics.unsent(effect.message.type);
        return;
      case "dial":
        return this.#mesh.dial(effect.address);
      case "save":
        return this.#save(effect);
      case "commit":
        return this.#commit(effect);
      case "load":
        return this.#load(effect);
      case "prepare":
        return host.prepare(effect.id, effect.version);
      case "release":
        return host.release();
      case "show":
        return host.show(effect.id, effect.version);
      case "hide":
        return host.hide(effect.id);
      case "settle":
        this.#pushes.get(effect.token)?.(effect.outcome);
        this.#pushes.delete(effect.token);
        return;
      case "relayed":
        return this.#metrics.relayed();
      case "unread":
        return this.#metrics.unread(effect.type);
      case "page":
        this.#pages.get(effect.token)?.(effect.closed);
        this.#pages.delete(effect.token);
        return;
      case "left":
        return this.#end();
      case "note":
        return this.#note(effect);
    }
  }

  #commit({ token, entry, role, fresh }: Extract<Effect, { do: "commit" }>) {
    const checked = (kept?: PushBytes) =>
      this.#handle({ type: "checked", token, ...kept === undefined ? {} : { kept } });
    this.#options.host.commit(entry, { role, fresh, checked })
      .catch((error): CommitResult => {
        this.#options.log.error("Cannot store a push", { cluster: plainText(entry.id), error: explain(error) });
        return { ok: false };
      })
      .then((result) => this.#handle({ type: "committed", token, result }));
  }

  #load({ token, id }: Extract<Effect, { do: "load" }>) {
    this.#options.host.load(id)
      .catch((error) => {
        const sentence = "Cannot read a push to copy it to a peer";
        this.#unreadable.add(sentence, sentence, { cluster: plainText(id), error: explain(error) });
        return undefined;
      })
      .then((entry) => this.#handle({ type: "loaded", token, entry }));
  }

  #save({ number, state }: Extract<Effect, { do: "save" }>) {
    this.#state = { number, text: JSON.stringify(state) };
    this.#saving ??= this.#saveAll().finally(() => this.#saving = undefined);
  }

  /** Saves the newest state, again and again until it is kept. */
  async #saveAll(): Promise<void> {
    while (this.#state !== undefined) {
      const state = this.#state;
      this.#state = undefined;
      try {
        await this.#options.host.save(state.text);
        this.#handle({ type: "saved", number: state.number });
      } catch (error) {
        this.#options.log.warn("Cannot save the state of the ring: trying again", { error: explain(error) });
        if (this.#disposed) return;
        this.#state ??= state;
        await new Promise((resolve) => setTimeout(resolve, SAVE_AGAIN_MS));
      }
    }
  }

  #note({ level, sentence, fields }: Extract<Effect, { do: "note" }>) {
    const plain = plainFields(fields);
    this.#options.log[level](sentence, plain);
    if (level === "debug") return;
    const transition: Transition = { at: new Date().toISOString(), what: sentence, ...plain };
    this.#transitions.add(transition);
  }
}

function clock(): Clock {
  return { now: performance.now(), wall: Date.now() };
}

/** A number from 0 to 1. Some keep clients from choosing what they hit, so nobody must be able to guess the next one. */
function random(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;
}

/** 128 random bits in hex. */
function randomBoot(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}
