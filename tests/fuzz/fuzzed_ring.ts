/**
 * A ring of three, and one more member whose link the fuzzer speaks through while that member does its work.
 *
 * @module
 */

import type { MeshMessage, MessageType } from "../../ring/protocol/mesh.ts";
import { MAX_ROWS } from "../../ring/membership/member_table.ts";
import { type MachineMember, RingMachines } from "../support/ring_machines.ts";
import { RECEIVERS, type SentFrame } from "./frame_input.ts";
import type { Finding } from "./verdict.ts";

/** The member that says what it should not. */
const SPEAKER = "x";
/** Clusters that push. */
const IDS = Array.from({ length: 20 }, (_, index) => `cluster-${index}`);
/** How long a ring may take to be one again once the speaker is quiet, in milliseconds of its own time. */
const WHOLE_MS = 180_000;
/** How long a push is shown, in milliseconds. */
const TTL_MS = 600_000;
/** What a machine may keep waiting for the store. */
const PENDING_BYTES = 64 * 1_048_576;

/** The one finding that time mends. */
const TAKES_NONE = "a ring that is whole does not take a push";

/** The ring. */
export class FuzzedRing {
  readonly #world: RingMachines;
  readonly #receivers: readonly MachineMember[];
  readonly #sent = new Set<string>();
  #samples: MeshMessage[] | undefined;
  #pushes = 0;

  /** A ring that is whole, and holds a push of each cluster. */
  constructor({ samples }: { samples?: MeshMessage[] } = {}) {
    this.#samples = samples;
    const names = [...RECEIVERS, SPEAKER];
    this.#world = new RingMachines(names, { ttlMs: TTL_MS });
    this.#world.onSend = (_from, _to, message) => {
      this.#sent.add(message.type);
      this.#samples?.push(message);
    };
    this.#receivers = names.map((name) => this.#world.start(name)).slice(0, RECEIVERS.length);
    this.#world.until("a whole ring", () => this.#world.isWhole(names.length));
    this.#pushAll();
    this.#world.run(1_000);
    this.#samples = undefined;
  }

  /** What the members know each other, their clusters and their views by. */
  get known(): readonly unknown[] {
    const rows = this.#receivers[0].machine.membership.rows;
    const view = this.#receivers[0].machine.membership.view.digest;
    return [...rows.flatMap(({ name, boot, incarnation }) => [name, boot, incarnation]), ...rows, ...IDS, view];
  }

  /** Lets time pass in which the speaker says nothing odd. */
  rest(ms: number): void {
    this.#world.run(ms);
  }

  /** Hands a member a message that the speaker sent, and returns what it did about it, in a few words. */
  send(
    message: MeshMessage,
    to: SentFrame["to"],
  ): { did: string; unread: readonly MessageType[] } {
    const member = this.#world.members.get(to)!, link = member.links.get(SPEAKER);
    if (link === undefined) return { did: "no link", unread: [] };
    const [notes, unread] = [member.notes.length, member.unread.length];
    this.#sent.clear();
    this.#world.handle(member, { type: "message", link, message });
    const did = [...this.#sent, ...member.notes.slice(notes)].sort().join(", ");
    return { did, unread: member.unread.slice(unread) as MessageType[] };
  }

  /** What a member keeps that must have a bound. */
  excess(): Finding | undefined {
    for (const { name, machine } of this.#receivers) {
      const { pendingBytes, inFlightBytes } = machine.load, { length } = machine.membership.rows;
      if (length > MAX_ROWS) {
        return { what: "a member table grows past its bound", detail: `${length} rows of ${name}` };
      }
      if (pendingBytes > PENDING_BYTES || inFlightBytes > PENDING_BYTES) {
        return { what: "a member keeps too much waiting", detail: `${pendingBytes} and ${inFlightBytes} of ${name}` };
      }
    }
    return undefined;
  }

  /**
   * The speaker is quiet: within a time the ring is whole, takes a push of each cluster, and shows it once. What claims to be of a
   * time to come is shown for as long as any push, and in the way of others for as long.
   */
  settle(): Finding | undefined {
    const start = this.#world.clock.now;
    let finding = this.#look();
    for (const endsAt of [start + WHOLE_MS, start + WHOLE_MS + TTL_MS]) {
      while (finding !== undefined && this.#world.clock.now < endsAt) {
        this.#world.run(5_000);
        finding = this.#look();
      }
      if (finding?.what !== TAKES_NONE) return finding;
    }
    return finding;
  }

  #look(): Finding | undefined {
    const world = this.#world;
    if (!world.isWhole(RECEIVERS.length + 1)) {
      const states = world.running.map(({ name, machine }) => {
        const { view: { size }, isSettled } = machine.membership;
        const closed = machine.closed(world.clock.now)?.reason ?? "open";
        return `${name} sees ${size}, ${isSettled ? "settled" : "not settled"}, ${closed}`;
      });
      return { what: "a ring is not whole again", detail: states.join("; ") };
    }
    const pushes = this.#pushAll();
    world.run(2_000);
    const refused = pushes.map(({ id, member, token }) => ({ id, outcome: member.outcomes.get(token) }))
      .filter(({ outcome }) => outcome?.result !== "stored");
    if (refused.length > 0) return { what: TAKES_NONE, detail: JSON.stringify(refused) };
    const wrong = IDS.filter((id) => world.shownBy(id).length !== 1 || !world.shownBy(id)[0].endsWith(this.#text));
    if (wrong.length === 0) return undefined;
    const detail = wrong.map((id) => `${id}: ${world.shownBy(id).join(" and ") || "nobody"}`).join("; ");
    return { what: "a cluster is not shown once, with its latest push", detail };
  }

  get #text(): string {
    return `push ${this.#pushes}`;
  }

  #pushAll(): { id: string; member: MachineMember; token: number }[] {
    this.#pushes++;
    return IDS.map((id, index) => {
      const member = this.#receivers[index % this.#receivers.length];
      return { id, member, token: this.#world.push(member, id, this.#text) };
    });
  }
}
