/**
 * Admits connections to a listener that faces a hostile network, in total and per address, and looks after them.
 *
 * @module
 */

import { type ByteStream, Connection } from "./connection.ts";
import type { Cut, ShareKind } from "./connection_counts.ts";
import { ConnectionPlaces } from "./connection_places.ts";
import { type HostileLimits, limitsFrom } from "./hostile_limits.ts";

/** What a {@linkcode ConnectionGuard} works with. */
export interface ConnectionGuardOptions {
  /** The limits, where they differ from {@linkcode HOSTILE_LIMITS}. */
  readonly limits: HostileLimits;
  /** Whether connections begin with a TLS handshake. */
  readonly secure: boolean;
  /** Whether there is memory for more connections. @default {() => true} */
  readonly hasMemory?: () => boolean;
  /** Gets the share of each refusal, in which nobody gave way. */
  readonly onRefused: (reason: ShareKind) => void;
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
  readonly #places: ConnectionPlaces;
  readonly #empty = Promise.withResolvers<void>();
  #draining = false;
  #sweptAt: number;

  /** Guards nothing yet. */
  constructor(options: ConnectionGuardOptions) {
    this.#options = options;
    this.limits = limitsFrom(options.limits);
    this.#places = new ConnectionPlaces({
      limits: this.limits,
      hasMemory: options.hasMemory,
      onYield: (connection, share) => connection.cut(`room_${share}`),
      now: options.now,
    });
    this.#sweptAt = options.now();
    const times = Object.entries(this.limits).filter(([name]) => name.endsWith("Ms")).map(([, ms]) => ms);
    const shortest = Math.min(...times);
    this.sweepIntervalMs = Math.min(1_000, Math.max(10, shortest / 4));
  }

  /** How many connections are open. */
  get size(): number {
    return this.#places.size;
  }

  /** Whether {@linkcode ConnectionGuard.drain} was called. */
  get draining(): boolean {
    return this.#draining;
  }

  /**
   * Admits a connection until {@linkcode ConnectionGuard.forget}, or returns nothing if there are too many of which none gives way.
   * A shared address is that of a proxy, and has no limit of its own.
   */
  admit(
    socket: ByteStream,
    address: string,
    { isShared = false }: { isShared?: boolean } = {},
  ): Connection | undefined {
    const places = this.#places, counted = isShared ? undefined : address;
    const full = places.makeRoom(counted);
    if (full !== undefined) {
      this.#options.onRefused(full);
      return undefined;
    }
    const connection = new Connection(socket, {
      ...this.#options,
      limits: this.limits,
      onBusy: (connection) => places.busy(connection),
      onIdle: (connection) => places.idle(connection),
    });
    places.enter(connection, counted);
    return connection;
  }

  /**
   * Counts a connection that came from a shared address as one of the client behind it. False if that has too many, of which none
   * gives way.
   */
  attribute(connection: Connection, address: string): boolean {
    if (!this.#places.has(connection)) return false;
    const full = this.#places.attribute(connection, address);
    if (full !== undefined) this.#options.onRefused(full);
    return full === undefined;
  }

  /** Takes note that a connection is closed. */
  forget(connection: Connection): void {
    this.#places.leave(connection);
    if (this.#draining && this.size === 0) this.#empty.resolve();
  }

  /** Cuts what is overdue. */
  sweep(): void {
    const now = this.#options.now(), late = now - this.#sweptAt > 2 * this.sweepIntervalMs + 1_000;
    this.#sweptAt = now;
    // After the process was held up, what the clients sent in the meantime is still unread: that is not their fault.
    if (late) return;
    for (const connection of this.#places.connections()) connection.check(now);
  }

  /** Closes the connections without a request in flight, and the others after their responses; resolves when all are gone. */
  drain(): Promise<void> {
    this.#draining = true;
    for (const connection of this.#places.connections()) connection.drain();
    if (this.size === 0) this.#empty.resolve();
    return this.#empty.promise;
  }

  /** Cuts what is left. */
  cutAll(): void {
    for (const connection of this.#places.connections()) connection.cut("drain");
  }
}
