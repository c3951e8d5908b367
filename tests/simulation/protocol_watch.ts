/**
 * Watches what each member says and does by itself: (I5) to (I8) of docs/ring.md.
 *
 * @module
 */

import type { Outcome } from "../../ring/protocol/effects.ts";
import { MAX_HOPS } from "../../ring/replication/forwarding.ts";
import { type MeshMessage, MESSAGE_TYPES } from "../../ring/protocol/mesh.ts";
import { FRAME_PREFIX_BYTES, frameLimit } from "../../ring/transport/frames.ts";
import type { Attempt } from "./clients.ts";
import type { Plan } from "./plan.ts";
import type { Process } from "./process.ts";
import { Violation } from "./violation.ts";

/** How long a member may take with a push, in milliseconds: two answers, and a line of slow commits. */
export const OUTCOME_MS = 60_000;
/** How long an orderly end may take, in milliseconds. */
export const LEAVE_MS = 25_000;

/** Follows every process. */
export class ProtocolWatch {
  readonly #plan: Plan;
  readonly #now: () => number;
  // How often each push was sent by its present ingress, by its origin.
  readonly #sent = new Map<string, number>();
  // Pushes that somebody was asked to pass on, and has not yet: which, as which hop, by whom, and to whom.
  readonly #detours = new Set<string>();
  /** Those that have answered with a page. */
  readonly #opened = new Set<Process>();
  readonly #incarnations = new Map<Process, Map<string, number>>();

  /** Starts with nothing said. */
  constructor({ plan, now }: { plan: Plan; now: () => number }) {
    this.#plan = plan;
    this.#now = now;
  }

  /** A member sends a message. */
  sends(process: Process, { to, message }: { to: string; message: MeshMessage }) {
    const { type, header } = message;
    this.#checkFrame(process, message);
    if (type !== "PUT") return;
    const [ingress, sequence] = header.origin as [string, number], hops = header.hops as number;
    const which = `push ${sequence} of ${ingress}`, cluster = header.id as string;
    if (ingress !== process.name) {
      // Once, if its ingress asked for that, and to nobody but the owner that it named.
      if (header.to === undefined && this.#detours.delete(`${which} ${hops} ${process.name} ${to}`)) return;
      throw new Violation("I5", `${process.name} passes on ${which} as hop ${hops}`, { cluster });
    }
    const origin = `${process.boot} ${sequence}`, times = (this.#sent.get(origin) ?? 0) + 1;
    this.#sent.set(origin, times);
    if (times > MAX_HOPS || hops !== times) {
      throw new Violation("I5", `${process.name} sends ${which} for the ${times}th time as hop ${hops}`, { cluster });
    }
    if (header.to !== undefined) this.#detours.add(`${which} ${hops} ${to} ${header.to}`);
  }

  /** A member settles a push, of which this is the attempt as far as one is known. */
  settles(process: Process, { token, attempt, outcome }: { token: number; attempt?: Attempt; outcome: Outcome }) {
    if (attempt === undefined) {
      throw new Violation("I7", `${process.name} settles push ${token}, which it was not asked to or has settled`);
    }
    this.#checkDetour(process, { attempt, outcome });
  }

  /** A process has started. Nobody is told of its incarnation before that is durable. */
  started({ node, machine, name }: Process) {
    const { incarnation } = machine.membership.self;
    if (incarnation <= node.incarnation) {
      throw new Violation("I8", `${name} starts with incarnation ${incarnation} after ${node.incarnation}`);
    }
  }

  /** Something has happened to a process. */
  stepped({ node, machine, name }: Process) {
    const { incarnation } = machine.membership.self;
    if (incarnation < node.incarnation) {
      throw new Violation("I8", `${name} goes from incarnation ${node.incarnation} to ${incarnation}`);
    }
    node.incarnation = incarnation;
  }

  /** Looks at what takes long, and what is bounded. */
  sample(process: Process) {
    const { name, machine, pushes, stoppedMs, leavingSince } = process;
    const now = this.#now();
    for (const { push, at, stoppedMs: before } of pushes.values()) {
      if (now - at - (stoppedMs - before) > OUTCOME_MS) {
        throw new Violation("I7", `${name} has not settled push ${push.serial} after ${now - at} ms`, {
          cluster: push.id,
        });
      }
    }
    if (leavingSince !== undefined && now - leavingSince > LEAVE_MS + stoppedMs) {
      throw new Violation("I7", `${name} has not left after ${now - leavingSince} ms`);
    }
    this.#checkTwin(process);
    this.#checkBounds(process);
    let known = this.#incarnations.get(process);
    if (known === undefined) this.#incarnations.set(process, known = new Map());
    for (const { name: other, incarnation } of machine.membership.rows) {
      if (incarnation < (known.get(other) ?? 0)) {
        throw new Violation("I8", `${name} takes ${other} back from ${known.get(other)} to ${incarnation}`);
      }
      known.set(other, incarnation);
    }
  }

  /** Nobody is turned away as the owner is out of reach for who took the push, and in reach for others. */
  #checkDetour({ name }: Process, { attempt, outcome }: { attempt: Attempt; outcome: Outcome }) {
    const { detourMs, faults } = this.#plan;
    if (detourMs === undefined || outcome.result !== "rejected" || outcome.reason !== "unreachable") return;
    if (!faults.some(({ at, ms }) => attempt.at >= at + detourMs && this.#now() < at + ms)) return;
    const { id, serial } = attempt.push;
    throw new Violation("detour", `${name} finds no way for push ${serial}`, { cluster: id });
  }

  /** Where nothing happens but that others come with its name, a member stays open. */
  #checkTwin(process: Process) {
    const { faults, nodes, balanced } = this.#plan, { index, name } = process.node;
    const isCalm = faults.every((fault) => "node" in fault && nodes[fault.node].startAt === undefined);
    if (!isCalm || balanced || nodes[index].startAt === undefined) return;
    const { closed } = process;
    if (closed === undefined) this.#opened.add(process);
    else if (this.#opened.has(process)) throw new Violation("twin", `${name} is closed: ${closed.reason}`);
  }

  /** What has no frame would never leave. */
  #checkFrame({ name }: Process, { type, header, body }: MeshMessage) {
    // They say the same few things again and again.
    if (type === "PING" || type === "ACK") return;
    const bytes = FRAME_PREFIX_BYTES + new TextEncoder().encode(JSON.stringify(header)).length + body.length;
    if (bytes > frameLimit(MESSAGE_TYPES[type].number)) {
      throw new Violation("I6", `${name} sends ${type} with ${bytes} bytes`);
    }
  }

  #checkBounds({ name, machine: { load } }: Process) {
    const { limits: { peerRequests, pendingBytes, totalBytes }, pushBytes } = this.#plan;
    const { inFlight, inFlightBytes, pendingBytes: pending } = load;
    for (const [peer, { requests }] of inFlight) {
      if (requests > peerRequests) throw new Violation("I6", `${name} has ${requests} pushes in flight to ${peer}`);
    }
    const check = (what: string, { bytes, limit }: { bytes: number; limit: number }) => {
      // One may always be under way, however large it is.
      if (bytes > Math.max(limit, pushBytes) || bytes < 0) {
        throw new Violation("I6", `${name} has ${bytes} bytes ${what}`);
      }
    };
    check("in flight", { bytes: inFlightBytes, limit: totalBytes });
    check("waiting for the store", { bytes: pending, limit: pendingBytes });
  }
}
