/**
 * Whom a member dials: seeds, the members that it knows of, and those of the last agreed view; and what came of it.
 *
 * @module
 */

import { note } from "../protocol/effects.ts";
import type { Refusal } from "../protocol/mesh.ts";
import { Dialler, type Target } from "./dialler.ts";
import type { KeptState } from "./kept_state.ts";
import type { MemberTable } from "./member_table.ts";
import type { Peers } from "./peers.ts";
import type { RingContext } from "./ring_context.ts";
import { Seeds } from "./seeds.ts";

/** How long a refusal counts as recent, in milliseconds. */
export const REFUSAL_MS = 30_000;

/** What {@linkcode Contacts} work with, besides the ring's context. */
export interface ContactsOptions {
  /** Addresses of members to begin with. */
  readonly seeds: readonly string[];
  /** The member table. */
  readonly table: MemberTable;
  /** Who is linked. */
  readonly peers: Peers;
  /** Who was in the last agreed view. */
  readonly kept: KeptState;
}

/** Knows the addresses of the ring. */
export class Contacts {
  readonly #context: RingContext;
  readonly #options: ContactsOptions;
  readonly #dialler: Dialler;
  /** What has come of the addresses to begin with. */
  readonly seeds: Seeds;
  #refusal: (Refusal & { readonly at: number }) | undefined;
  #strangerAt = -Infinity;

  /** Starts with nothing dialled. */
  constructor(context: RingContext, options: ContactsOptions) {
    this.#context = context;
    this.#options = options;
    this.#dialler = new Dialler(() => context.random());
    const { seeds: addresses, peers } = options;
    this.seeds = new Seeds(context, { addresses, isLinked: (address) => peers.isAddressLinked(address) });
  }

  /** Whether there is anybody that we were told of, or have heard of, and that has not left for good. */
  get knowsOthers(): boolean {
    return this.seeds.others.length > 0 || this.#options.table.others().some(({ status }) => status !== "LEFT");
  }

  /** Why a peer would not have us lately, for a reason that time does not mend. */
  refusal(now: number): Refusal | undefined {
    return this.#refusal !== undefined && now - this.#refusal.at < REFUSAL_MS ? this.#refusal : undefined;
  }

  /** Whether somebody has answered lately who is not linked with us: one of our ring, as far as we can tell. */
  meetsStrangers(now: number): boolean {
    return now - this.#strangerAt < REFUSAL_MS;
  }

  /** Whether most of those that we were told of, and we ourselves, are among some members. */
  hasMajority(has: (name: string) => boolean): boolean {
    const { others } = this.seeds;
    const there = others.filter((address) => {
      const name = this.#options.peers.nameAt(address);
      return name !== undefined && has(name);
    });
    return (there.length + 1) * 2 > others.length + 1;
  }

  /** Dials an address at a certain time, whatever pauses it is on. */
  redial(address: string, at: number) {
    this.#dialler.redial(address, at);
  }

  /** Dials whoever is due. */
  dial(now: number) {
    this.seeds.tick(now);
    for (const address of this.#dialler.due(this.#targets(now), now)) this.#context.emit({ do: "dial", address });
  }

  /** A dial came to nothing. */
  dialFailed(address: string, refusal: Refusal, now: number): void {
    const { code, message, isOurs } = refusal;
    if (code === "self") {
      this.seeds.isOwn(address);
      return this.#dialler.isSelf(address, now);
    }
    this.seeds.failed(address, refusal, now);
    // One of a name that is in use is as good as nobody: it has its own name to lose, and we do not.
    if (code === "unreachable" || (code === "name-taken" && isOurs)) return;
    this.#strangerAt = now;
    // Who does not get as far as to say HELLO has not refused us.
    if (code === "handshake") return;
    const recent = this.refusal(now);
    this.#refusal = { ...refusal, at: now };
    if (recent?.message === message && recent.code === code) return;
    this.#context.emit(note("error", "A peer refused to link with this member", { address, code, why: message }));
  }

  /** Dials everybody afresh: pauses that went by while nobody could answer tell nothing. */
  restart() {
    this.#dialler.restart();
  }

  #targets(now: number): Target[] {
    const { seeds, table, peers, kept } = this.#options;
    const { name, status } = table.self;
    if (status === "LEFT") return [];
    const members = table.others()
      .filter((row) => row.status !== "LEFT" && !peers.isLinked(row.name))
      .map((row) => ({ address: row.address, courtesy: name > row.name && table.goneFor(row.name, now) === 0 }));
    const known = kept.agreed?.members.filter((member) => member.name !== name).map(({ address }) => address) ?? [];
    const others = [...seeds, ...known]
      .filter((address) => !peers.isAddressLinked(address))
      .map((address) => ({ address, courtesy: false }));
    const shared = seeds
      .filter((address) => peers.isAddressLinked(address) && !peers.isAddressOwn(address))
      .map((address) => ({ address, courtesy: false, shared: true }));
    return [...members, ...others, ...shared];
  }
}
