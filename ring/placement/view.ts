/**
 * A view of the ring: the members among which clusters are placed, and the digest by which members compare views.
 *
 * @module
 */

import { isPlaced, type Member } from "../protocol/member.ts";
import { type Candidate, type Hash64, hash64, type Placement, Rendezvous, toHex } from "./rendezvous.ts";

/** A member of a view: its name, its host, and the stay in the ring by which it is there. */
export interface Placed extends Candidate {
  /** The incarnation at which it last began to join. */
  readonly since: number;
}

/** Who owns what. A view never changes; another state of the member table makes another view. */
export class RingView {
  /** Equal for equal members, whatever the order in which they came: the version of the ring. */
  readonly digest: string;
  readonly #members: ReadonlyMap<string, Placed>;
  readonly #rendezvous: Rendezvous;

  /** Makes the view of these members, whose names are unique; as it was decided in an epoch, or as it may come to be. */
  constructor(members: Iterable<Placed>, epoch = 0) {
    const sorted = Array.from(members, ({ name, host, since }) => ({ name, host, since }))
      .sort((a, b) => a.name < b.name ? -1 : 1);
    this.#members = new Map(sorted.map((member) => [member.name, member]));
    this.#rendezvous = new Rendezvous(sorted);
    this.digest = toHex(hash64(JSON.stringify([epoch, ...sorted.map(({ name, host, since }) => [name, host, since])])));
  }

  /** The view that a member table makes: those who are there and ACTIVE. */
  static of(table: Iterable<Member>): RingView {
    return new RingView([...table].filter(isPlaced));
  }

  /** The names, in order. */
  get names(): readonly string[] {
    return [...this.#members.keys()];
  }

  /** How many members there are. */
  get size(): number {
    return this.#members.size;
  }

  /** Whether clusters are placed on the member. */
  has(name: string): boolean {
    return this.#members.has(name);
  }

  /** The stay by which the member is in the view. */
  sinceOf(name: string): number | undefined {
    return this.#members.get(name)?.since;
  }

  /** Where the key with this hash belongs; nowhere in an empty view. */
  place(key: Hash64): Placement | undefined {
    return this.#rendezvous.place(key);
  }

  /** The members other than the owner of the key with this hash, in the order in which they stand by. */
  successors(key: Hash64): string[] {
    return this.#rendezvous.successors(key);
  }

  /** This view with another member. */
  with(member: Placed): RingView {
    return new RingView([...this.#members.values(), member]);
  }

  /** This view without a member. */
  without(name: string): RingView {
    return new RingView([...this.#members.values()].filter((member) => member.name !== name));
  }
}
