/**
 * Admits connections to a listener that faces a hostile network, in total and per address, and looks after them.
 *
 * @module
 */

import { addressBlock } from "./addresses.ts";
import { type ByteStream, Connection, type Cut } from "./connection.ts";
import { HOSTILE_LIMITS, type HostileLimits } from "./hostile_limits.ts";

/** Why a connection was not let in: too many in all, or too many of its address. */
export type Refusal = "total" | "address";

/** What a {@linkcode ConnectionGuard} works with. */
export interface ConnectionGuardOptions {
  /** The limits, where they differ from {@linkcode HOSTILE_LIMITS}. */
  readonly limits: HostileLimits;
  /** Whether connections begin with a TLS handshake. */
  readonly secure: boolean;
  /** Gets each refusal. */
  readonly onRefused: (reason: Refusal) => void;
  /** Gets each cut. */
  readonly onCut: (reason: Cut) => void;
  /** The time in milliseconds, from any origin. */
  readonly now: () => number;
}

/** The connections of one listener. Its owner calls {@linkcode ConnectionGuard.sweep} every `sweepIntervalMs`. */
export class ConnectionGuard {
  /** The limits in force. */
  readonly limits: Readonly<Required<HostileLimits>>;
  /** How often to sweep: a quarter of the shortest time limit, and once a second at most. */
  readonly sweepIntervalMs: number;
  readonly #options: ConnectionGuardOptions;
  /** Each with the block that it counts for, if any. */
  readonly #connections = new Map<Connection, string | undefined>();
  readonly #perBlock = new Map<string, number>();
  readonly #empty = Promise.withResolvers<void>();
  #draining = false;
  #sweptAt: number;

  /** Guards nothing yet. */
  constructor(options: ConnectionGuardOptions) {
    this.#options = options;
    // An option that is there but undefined is as good as absent.
    const given = Object.entries(options.limits).filter(([, limit]) => limit !== undefined);
    this.limits = { ...HOSTILE_LIMITS, ...Object.fromEntries(given) };
    this.#sweptAt = options.now();
    const times = Object.entries(this.limits).filter(([name]) => name.endsWith("Ms")).map(([, ms]) => ms);
    const shortest = Math.min(...times);
    this.sweepIntervalMs = Math.min(1_000, Math.max(10, shortest / 4));
  }

  /** How many connections are open. */
  get size(): number {
    return this.#connections.size;
  }

  /** Whether {@linkcode ConnectionGuard.drain} was called. */
  get draining(): boolean {
    return this.#draining;
  }

  /**
   * Admits a connection until {@linkcode ConnectionGuard.forget}, or returns nothing if there are too many. A shared address is
   * that of a proxy, and has no limit of its own.
   */
  admit(
    socket: ByteStream,
    address: string,
    { isShared = false }: { isShared?: boolean } = {},
  ): Connection | undefined {
    if (this.size >= this.limits.maxConnections) {
      this.#options.onRefused("total");
      return undefined;
    }
    const block = isShared ? undefined : this.#enter(address);
    if (block === undefined && !isShared) return undefined;
    const connection = new Connection(socket, { ...this.#options, limits: this.limits });
    this.#connections.set(connection, block);
    return connection;
  }

  /** Counts a connection that came from a shared address as one of the client behind it. False if that has too many. */
  attribute(connection: Connection, address: string): boolean {
    if (!this.#connections.has(connection)) return false;
    const block = this.#enter(address);
    if (block === undefined) return false;
    this.#connections.set(connection, block);
    return true;
  }

  /** Takes note that a connection is closed. */
  forget(connection: Connection): void {
    const block = this.#connections.get(connection);
    if (!this.#connections.delete(connection)) return;
    if (block !== undefined) {
      const left = this.#perBlock.get(block)! - 1;
      if (left > 0) this.#perBlock.set(block, left);
      else this.#perBlock.delete(block);
    }
    if (this.#draining && this.size === 0) this.#empty.resolve();
  }

  /** Counts one more connection of an address, and returns its block; undefined if it has too many. */
  #enter(address: string): string | undefined {
    const block = addressBlock(address), ofBlock = this.#perBlock.get(block) ?? 0;
    if (ofBlock >= this.limits.maxConnectionsPerAddress) {
      this.#options.onRefused("address");
      return undefined;
    }
    this.#perBlock.set(block, ofBlock + 1);
    return block;
  }

  /** Cuts what is overdue. */
  sweep(): void {
    const now = this.#options.now(), late = now - this.#sweptAt > 2 * this.sweepIntervalMs + 1_000;
    this.#sweptAt = now;
    // After the process was held up, what the clients sent in the meantime is still unread: that is not their fault.
    if (late) return;
    for (const connection of this.#connections.keys()) connection.check(now);
  }

  /** Closes the connections without a request in flight, and the others after their responses; resolves when all are gone. */
  drain(): Promise<void> {
    this.#draining = true;
    for (const connection of this.#connections.keys()) connection.drain();
    if (this.size === 0) this.#empty.resolve();
    return this.#empty.promise;
  }

  /** Cuts what is left. */
  cutAll(): void {
    for (const connection of this.#connections.keys()) connection.cut("drain");
  }
}
