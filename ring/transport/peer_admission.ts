/**
 * Who may hold a connection to the ring's listener: so many in all, of each address and of each network, and for so long until it
 * is a link.
 *
 * Where there is no room for a newcomer, the one goes who has been the longest on the way to a link. A member needs some tens of
 * milliseconds for that, so others would have to come faster than that for all places to keep it out.
 *
 * @module
 */

import type { Socket } from "node:net";
import { addressBlock, addressNetwork, plainAddress } from "../../common/http/addresses.ts";
import type { RefusalLog, RingRefusalReason } from "./refusal_log.ts";
import type { TransportLimits } from "./transport_limits.ts";

/** A connection that was let in. */
export interface Admission {
  /** The remote address, without the port. */
  readonly address: string;
  /** Cuts the connection, and takes note of why the first time. */
  refuse(reason: RingRefusalReason, message: string): void;
  /** It has become a link: its time is not limited any more. */
  settle(): void;
}

interface Connection {
  /** Its address, and its network. */
  readonly blocks: readonly string[];
  readonly refuse: Admission["refuse"];
}

const SECOND_MS = 1_000;

/** Lets connections in. */
export class PeerAdmission {
  readonly #limits: TransportLimits;
  readonly #refusals: RefusalLog;
  readonly #now: () => number;
  readonly #connections = new Map<Socket, Connection>();
  /** Those of them that are no link yet, the oldest first. */
  readonly #waiting = new Map<Socket, Connection>();
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
    const { maxConnections, helloTimeoutMs } = this.#limits;
    const address = plainAddress(socket.remoteAddress ?? "");
    const blocks = [addressBlock(address), `network ${addressNetwork(address)}`];
    if (this.#closed) return undefined;
    const note = (reason: RingRefusalReason, message: string) => void this.#refusals.add({ address, reason, message });
    if (!this.#isInTime(blocks)) return note("rate", "Too many connections in a second");
    const { maxConnectionsPerAddress, maxConnectionsPerNetwork } = this.#limits;
    const full = blocks.find((block, at) => {
      return (this.#perBlock.get(block) ?? 0) >= [maxConnectionsPerAddress, maxConnectionsPerNetwork][at];
    });
    const isFull = full !== undefined
      ? !this.#makeRoom((connection) => connection.blocks.includes(full))
      : this.#connections.size >= maxConnections && !this.#makeRoom(() => true);
    if (isFull) return note("connections", "Too many links are open");

    let isNoted = false;
    const connection: Connection = {
      blocks,
      refuse: (reason, message) => {
        if (!isNoted) note(reason, message);
        isNoted = true;
        socket.destroy();
        leave();
      },
    };
    const overdue = () => connection.refuse("timeout", "It took too long to become a link");
    const deadline = setTimeout(overdue, helloTimeoutMs);
    const settle = () => {
      clearTimeout(deadline);
      this.#waiting.delete(socket);
    };
    const leave = () => {
      settle();
      if (!this.#connections.delete(socket)) return;
      for (const block of blocks) {
        const left = this.#perBlock.get(block)! - 1;
        if (left > 0) this.#perBlock.set(block, left);
        else this.#perBlock.delete(block);
      }
    };
    this.#connections.set(socket, connection);
    this.#waiting.set(socket, connection);
    for (const block of blocks) this.#perBlock.set(block, (this.#perBlock.get(block) ?? 0) + 1);
    socket.on("close", leave);
    return { address, refuse: connection.refuse, settle };
  }

  /** Cuts all connections, and lets no more in. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#connections.keys()) socket.destroy();
  }

  /** A handshake costs half a millisecond of a processor, and whoever comes has it begun. */
  #isInTime(blocks: readonly string[]): boolean {
    const { maxConnectionsPerSecond, maxConnectionsPerSecondPerNetwork } = this.#limits;
    const now = this.#now();
    if (now - this.#secondSince >= SECOND_MS) {
      this.#secondSince = now;
      this.#arrivals.clear();
    }
    const counts = blocks.map((block) => (this.#arrivals.get(block) ?? 0) + 1);
    for (const [at, block] of blocks.entries()) this.#arrivals.set(block, counts[at]);
    return counts[0] <= maxConnectionsPerSecond && counts[1] <= maxConnectionsPerSecondPerNetwork;
  }

  #makeRoom(fits: (connection: Connection) => boolean): boolean {
    for (const connection of this.#waiting.values()) {
      if (!fits(connection)) continue;
      connection.refuse("connections", "Too many connections are open, and it was the longest on its way");
      return true;
    }
    return false;
  }
}
