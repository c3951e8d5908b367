/**
 * A view of the ring: the members among which clusters are placed, those that only vote, and the digest by which members compare views.
 *
 * @module
 */

import { isPresent, type Member } from "../protocol/member.ts";
import {
  type Candidate,
  type Hash64,
  hash64,
  type Placement,
  PLACEMENT_RULE,
  Rendezvous,
  toHex,
} from "./rendezvous.ts";

/** A member of a view: its name, its host, and the stay in the ring by which it is there. */
export interface Seat extends Candidate {
  /** The incarnation at which it last began to join. */
  readonly since: number;
  /** Whether it only votes. */
  readonly isWitness: boolean;
  /** The latest rule of placement that it knows. */
  readonly rule: number;
}

/** Who owns what. A view never changes; another state of the member table makes another view. */
export class RingView {
  /** Equal for equal members, whatever the order in which they came: the version of the ring. */
  readonly digest: string;
  /** The rule by which it places: the latest that all of its members know, whatever newer one some of them do. */
  readonly rule: number;
  readonly #members: ReadonlyMap<string, Seat>;
  readonly #rendezvous: Rendezvous;

  /** Makes the view of these members, whose names are unique; as it was decided in an epoch, or as it may come to be. */
  constructor(members: Iterable<Seat>, epoch = 0) {
    const sorted = [...members].sort((a, b) => a.name < b.name ? -1 : 1);
    this.#members = new Map(sorted.map((member) => [member.name, member]));
    this.#rendezvous = new Rendezvous(sorted.filter(({ isWitness }) => !isWitness));
    this.rule = sorted.reduce((rule, member) => Math.min(rule, member.rule), PLACEMENT_RULE);
    const facts = sorted.map(({ name, host, since, isWitness }) => [name, host, since, isWitness]);
    this.digest = toHex(hash64(JSON.stringify([epoch, this.rule, ...facts])));
  }

  /** The view that a member table makes: those who are there and ACTIVE. */
  static of(table: Iterable<Member>): RingView {
    return new RingView([...table].filter((member) => member.phase === "ACTIVE" && isPresent(member)));
  }

  /** The names of those among whom clusters are placed, in order. */
  get names(): readonly string[] {
    return this.#rendezvous.names;
  }

  /** The names of those who only vote, in order. */
  get witnesses(): readonly string[] {
    return [...this.#members.values()].filter(({ isWitness }) => isWitness).map(({ name }) => name);
  }

  /** Among how many members clusters are placed. */
  get size(): number {
    return this.#rendezvous.size;
  }

  /** How many members have a vote. */
  get votes(): number {
    return this.#members.size;
  }

  /** Whether clusters are placed on the member. */
  has(name: string): boolean {
    return this.#members.get(name)?.isWitness === false;
  }

  /** The stay by which the member is in the view, be it as a witness. */
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
  with(member: Seat): RingView {
    return new RingView([...this.#members.values(), member]);
  }

  /** This view without a member. */
  without(name: string): RingView {
    return new RingView([...this.#members.values()].filter((member) => member.name !== name));
  }
}
