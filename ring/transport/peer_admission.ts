/**
 * Who may hold a connection to the ring's listener: so many in all and of each address, and for so long until it is a link.
 *
 * Where there is no room for a newcomer, the one goes who has been the longest on the way to a link. A member needs some tens of
 * milliseconds for that, so strangers would have to come faster than that for all places to keep it out.
 *
 * @module
 */

import type { Socket } from "node:net";
import { addressBlock, plainAddress } from "../../common/http/connection_guard.ts";
import type { RefusalLog } from "./refusal_log.ts";
import type { TransportLimits } from "./transport_limits.ts";

/** One who has come in. */
export interface Admission {
  /** The remote address, without the port. */
  readonly address: string;
  /** Cuts the connection, and takes note of why the first time. */
  turnAway(reason: string, message: string): void;
  /** It is a link: its time is not limited any more. */
  settle(): void;
}

interface Guest {
  readonly block: string;
  readonly turnAway: Admission["turnAway"];
}

const SECOND_MS = 1_000;

/** Lets connections in. */
export class PeerAdmission {
  readonly #limits: TransportLimits;
  readonly #refusals: RefusalLog;
  readonly #now: () => number;
  readonly #guests = new Map<Socket, Guest>();
  /** Those of them that are no link yet, the oldest first. */
  readonly #waiting = new Map<Socket, Guest>();
  readonly #perBlock = new Map<string, number>();
  /** Who came in this second, by block. */
  readonly #arrivals = new Map<string, number>();
  #secondSince = -Infinity;
  #closed = false;

  /** Opens. The time is in milliseconds, from any origin. */
  constructor({ limits, refusals, now }: { limits: TransportLimits; refusals: RefusalLog; now: () => number }) {
    this.#limits = limits;
    this.#refusals = refusals;
    this.#now = now;
  }

  /** Takes a connection in, or returns nothing: then the caller is to cut it. */
  enter(socket: Socket): Admission | undefined {
    const { maxConnections, maxConnectionsPerAddress, maxConnectionsPerSecond, helloTimeoutMs } = this.#limits;
    const address = plainAddress(socket.remoteAddress ?? ""), block = addressBlock(address);
    if (this.#closed) return undefined;
    const refuse = (reason: string, message: string) => void this.#refusals.turnAway({ address, reason, message });
    if (this.#countArrival(block) > maxConnectionsPerSecond) return refuse("rate", "Too many connections in a second");
    const isFull = (this.#perBlock.get(block) ?? 0) >= maxConnectionsPerAddress
      ? !this.#makeRoom((guest) => guest.block === block)
      : this.#guests.size >= maxConnections && !this.#makeRoom(() => true);
    if (isFull) return refuse("connections", "Too many links are open");

    let known = false;
    const guest: Guest = {
      block,
      turnAway: (reason, message) => {
        if (!known) refuse(reason, message);
        known = true;
        socket.destroy();
        leave();
      },
    };
    const overdue = () => guest.turnAway("timeout", "It took too long to become a link");
    const deadline = setTimeout(overdue, helloTimeoutMs);
    const settle = () => {
      clearTimeout(deadline);
      this.#waiting.delete(socket);
    };
    const leave = () => {
      settle();
      if (!this.#guests.delete(socket)) return;
      const left = this.#perBlock.get(block)! - 1;
      if (left > 0) this.#perBlock.set(block, left);
      else this.#perBlock.delete(block);
    };
    this.#guests.set(socket, guest);
    this.#waiting.set(socket, guest);
    this.#perBlock.set(block, (this.#perBlock.get(block) ?? 0) + 1);
    socket.on("close", leave);
    return { address, turnAway: guest.turnAway, settle };
  }

  /** Cuts all connections, and lets no more in. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#guests.keys()) socket.destroy();
  }

  /** A handshake costs half a millisecond of a processor, and whoever comes has it begun. */
  #countArrival(block: string): number {
    const now = this.#now();
    if (now - this.#secondSince >= SECOND_MS) {
      this.#secondSince = now;
      this.#arrivals.clear();
    }
    const count = (this.#arrivals.get(block) ?? 0) + 1;
    this.#arrivals.set(block, count);
    return count;
  }

  #makeRoom(fits: (guest: Guest) => boolean): boolean {
    for (const guest of this.#waiting.values()) {
      if (!fits(guest)) continue;
      guest.turnAway("connections", "Too many connections are open, and it was the longest on its way");
      return true;
    }
    return false;
  }
}
