/**
 * Machines of members with a network and stores in memory, and with time that a test moves: every message comes in order, one
 * millisecond after it was sent, and whatever a machine asks for is done. What can go wrong here is what the test does.
 *
 * @module
 */

import {
  type CommitResult,
  type Effect,
  type Entry,
  type Outcome,
  type RingEvent,
  type SavedState,
  TICK_MS,
} from "../../ring/protocol/effects.ts";
import type { Closed } from "../../ring/protocol/closed.ts";
import type { MeshLink, MeshMessage } from "../../ring/protocol/mesh.ts";
import { madeBytes } from "../../ring/protocol/push_bytes.ts";
import type { RingLimits } from "../../ring/protocol/ring_limits.ts";
import { RingMachine } from "../../ring/ring_machine.ts";
import { throughFrame } from "./through_frame.ts";

const WALL_MS = 1_800_000_000_000;

/** A member. */
export class MachineMember {
  readonly name: string;
  readonly machine: RingMachine;
  readonly store: Map<string, Entry>;
  readonly shown = new Map<string, string>();
  /** What it was to make ready, and has not been told to give up. */
  readonly prepared = new Set<string>();
  readonly outcomes = new Map<number, Outcome>();
  /** Pages that were asked for, by token: why they are closed, or what they show. */
  readonly pages = new Map<number, Closed | ReadonlyMap<string, string>>();
  readonly notes: string[] = [];
  /** The types of messages that it could not read. */
  readonly unread: string[] = [];
  /** Links by the name of the peer. */
  readonly links = new Map<string, MeshLink>();
  saved: SavedState | undefined;
  hasLeft = false;

  /** A process of that name that goes on from a store and a saved state, if there are any. */
  constructor(name: string, { world, boot, isWitness, store, saved, ttlMs, limits }: {
    world: RingMachines;
    boot: string;
    isWitness?: boolean;
    store: Map<string, Entry>;
    saved?: SavedState;
    ttlMs: number;
    limits?: Partial<RingLimits>;
  }) {
    this.name = name;
    this.store = store;
    this.saved = saved;
    this.machine = new RingMachine({
      self: { name, boot, address: name, host: name },
      isWitness,
      seeds: world.seeds.filter((seed) => seed !== name),
      saved: this.saved,
      entries: Array.from(this.store.values(), ({ bytes, ...entry }) => ({ ...entry, size: bytes.length })),
      ttlMs,
      limits,
      clock: world.clock,
      random: () => 0.5,
    });
  }

  /** What the page shows now. */
  page(now: number): ReadonlyMap<string, string> {
    return this.machine.closed(now) === undefined ? this.shown : new Map();
  }
}

/** The world. */
export class RingMachines {
  readonly seeds: readonly string[];
  readonly members = new Map<string, MachineMember>();
  /** Whether a message from one to another gets through. */
  gets: (from: string, to: string) => boolean = () => true;
  /** What is wrong with a push that has only just entered the ring. */
  refuse: (entry: Entry) => { readonly reason: string; readonly detail: string } | undefined = () => undefined;
  /** Members whose stores take nothing. */
  readonly failing = new Set<string>();
  /** Sees every message as it is sent. */
  onSend: (from: string, to: string, message: MeshMessage) => void = () => {};
  readonly #ttlMs: number;
  readonly #limits?: Partial<RingLimits>;
  readonly #due: { at: number; task: () => void }[] = [];
  #now = 0;
  #boots = 0;
  #token = 0;

  /** An empty world, in which these names know of each other from the start. */
  constructor(
    seeds: readonly string[],
    { ttlMs = 600_000, limits }: { ttlMs?: number; limits?: Partial<RingLimits> } = {},
  ) {
    this.seeds = seeds;
    this.#ttlMs = ttlMs;
    this.#limits = limits;
  }

  /** The present time. */
  get clock(): { now: number; wall: number } {
    return { now: this.#now, wall: WALL_MS + this.#now };
  }

  /** Starts a process of that name, which goes on from what its last one kept, and from what else its store is said to hold. */
  start(
    name: string,
    { isWitness, entries = [] }: { isWitness?: boolean; entries?: Iterable<Entry> } = {},
  ): MachineMember {
    const boot = `boot-${++this.#boots}`;
    const before = this.members.get(name);
    const store = before?.store ?? new Map<string, Entry>();
    for (const entry of entries) store.set(entry.id, entry);
    const { saved } = before ?? {}, [ttlMs, limits] = [this.#ttlMs, this.#limits];
    const member = new MachineMember(name, { world: this, boot, isWitness, store, saved, ttlMs, limits });
    this.members.set(name, member);
    this.handle(member, { type: "tick" });
    return member;
  }

  /** Kills a process: its links end, its store stays. */
  kill(member: MachineMember) {
    member.hasLeft = true;
    for (const name of [...member.links.keys()]) this.unlink(member.name, name);
  }

  /** Ends the link of two members. */
  unlink(one: string, other: string) {
    for (const [from, to] of [[one, other], [other, one]]) {
      const member = this.members.get(from)!, link = member.links.get(to);
      member.links.delete(to);
      if (link !== undefined) this.handle(member, { type: "linkDown", link, reason: "test" });
    }
  }

  /** Pushes through a member; the outcome is kept under the token that is returned. */
  push(member: MachineMember, id: string, text: string): number {
    const token = ++this.#token;
    this.handle(member, { type: "push", token, id, bytes: new TextEncoder().encode(text) });
    return token;
  }

  /** Asks for a page: what comes of it is kept under the token that is returned. */
  ask(member: MachineMember): number {
    const token = ++this.#token;
    this.handle(member, { type: "page", token });
    return token;
  }

  /** Lets time pass. */
  run(ms: number) {
    const end = this.#now + ms;
    while (true) {
      const nextTick = (Math.floor(this.#now / TICK_MS) + 1) * TICK_MS;
      const next = this.#due.reduce((at, task) => Math.min(at, task.at), Math.min(nextTick, end));
      this.#now = next;
      const due = this.#due.filter(({ at }) => at <= next);
      for (const task of due) this.#due.splice(this.#due.indexOf(task), 1);
      for (const { task } of due) task();
      if (next === nextTick) { for (const member of this.members.values()) this.handle(member, { type: "tick" }); }
      if (next === end && !this.#due.some(({ at }) => at <= end)) return;
    }
  }

  /** Lets time pass until something holds, and fails if it never does. */
  until(what: string, holds: () => boolean, { withinMs = 60_000 } = {}) {
    for (const start = this.#now; !holds(); this.run(TICK_MS)) {
      if (this.#now - start > withinMs) throw new Error(`Waited in vain for ${what}`);
    }
  }

  /** Who shows a cluster, and what. */
  shownBy(id: string): string[] {
    return [...this.members.values()].flatMap((member) => {
      const text = member.hasLeft ? undefined : member.page(this.#now).get(id);
      return text === undefined ? [] : [`${member.name} ${text}`];
    });
  }

  /** Those that run. */
  get running(): MachineMember[] {
    return [...this.members.values()].filter(({ hasLeft }) => !hasLeft);
  }

  /** Whether all that run are open and have the same view of so many. */
  isWhole(size: number): boolean {
    const { running } = this;
    return running.every(({ machine }) =>
      machine.closed(this.#now) === undefined && machine.membership.view.size === size &&
      machine.membership.isSettled &&
      machine.membership.view.digest === running[0].machine.membership.view.digest
    );
  }

  /** Hands an event to a member's machine, and does what that asks for. */
  handle(member: MachineMember, event: RingEvent) {
    if (member.hasLeft) return;
    for (const effect of member.machine.handle(event, this.clock)) this.#do(member, effect);
  }

  #later(task: () => void) {
    this.#due.push({ at: this.#now + 1, task });
  }

  #do(member: MachineMember, effect: Effect) {
    switch (effect.do) {
      case "send":
        return this.#send(member, effect);
      case "dial":
        return this.#dial(member, effect.address);
      case "save":
        if (this.failing.has(member.name)) return;
        member.saved = effect.state;
        return this.#later(() => this.handle(member, { type: "saved", number: effect.number }));
      case "commit":
        this.#later(() => {
          if (member.hasLeft) return;
          if (effect.fresh && this.refuse(effect.entry) === undefined) {
            this.handle(member, { type: "checked", token: effect.token });
          }
          if (this.failing.has(member.name)) {
            return this.handle(member, { type: "committed", token: effect.token, result: { ok: false } });
          }
          const refused = effect.fresh ? this.refuse(effect.entry) : undefined;
          if (refused === undefined) member.store.set(effect.entry.id, effect.entry);
          const result: CommitResult = refused === undefined ? { ok: true } : { ok: false, refused };
          this.handle(member, { type: "committed", token: effect.token, result });
        });
        return;
      case "load":
        this.#later(() => {
          this.handle(member, { type: "loaded", token: effect.token, entry: member.store.get(effect.id) });
        });
        return;
      case "show":
        member.shown.set(effect.id, new TextDecoder().decode(madeBytes(member.store.get(effect.id)!.bytes)));
        return;
      case "hide":
        member.shown.delete(effect.id);
        return;
      case "settle":
        if (member.outcomes.has(effect.token)) throw new Error(`Push ${effect.token} is settled twice`);
        member.outcomes.set(effect.token, effect.outcome);
        return;
      case "relayed":
        return;
      case "prepare":
        return void member.prepared.add(effect.id);
      case "release":
        return member.prepared.clear();
      case "unread":
        member.unread.push(effect.type);
        return;
      case "page":
        member.pages.set(effect.token, effect.closed ?? new Map(member.shown));
        return;
      case "left":
        // What it has sent goes out before its links end.
        return this.#later(() => this.kill(member));
      case "note":
        member.notes.push(effect.sentence);
    }
  }

  #send(member: MachineMember, { to, message }: Extract<Effect, { do: "send" }>) {
    this.onSend(member.name, to, message);
    const peer = this.members.get(to), link = peer?.links.get(member.name);
    if (peer === undefined || link === undefined || !member.links.has(to) || !this.gets(member.name, to)) return;
    const copy = throughFrame(message);
    this.#later(() => {
      if (peer.links.get(member.name) === link) this.handle(peer, { type: "message", link, message: copy });
    });
  }

  #dial(member: MachineMember, address: string) {
    const peer = this.members.get(address);
    const { machine } = member;
    if (member.links.has(address)) return;
    const isUp = peer !== undefined && !peer.hasLeft && this.gets(member.name, address) &&
      this.gets(address, member.name);
    const refusal = isUp
      ? peer.machine.admit(machine.membership.self, this.#now) ??
        machine.admit(peer.machine.membership.self, this.#now)
      : { code: "unreachable" as const, message: "Nobody listens there" };
    if (refusal !== undefined) return this.#later(() => this.handle(member, { type: "dialFailed", address, refusal }));
    const link = { peer: peer!.machine.membership.self, dialled: address }, back = { peer: machine.membership.self };
    member.links.set(address, link);
    peer!.links.set(member.name, back);
    this.#later(() => {
      if (member.links.get(address) === link) this.handle(member, { type: "linkUp", link });
      if (peer!.links.get(member.name) === back) this.handle(peer!, { type: "linkUp", link: back });
    });
  }
}
