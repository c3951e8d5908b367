/**
 * The places of a listener's connections: so many in all, of an address and of a network. Where there is none for a newcomer, the
 * one who has had nothing to do for the longest gives way.
 *
 * @module
 */

import { addressBlock, addressNetwork } from "./addresses.ts";
import type { Connection } from "./connection.ts";
import type { ShareKind } from "./connection_counts.ts";
import type { HostileLimits } from "./hostile_limits.ts";

/** Connections that count together. */
class Share {
  readonly kind: ShareKind;
  readonly key: string;
  readonly most: number;
  size = 0;
  /** Those without a request in progress, the longest first. */
  readonly idle = new Set<Connection>();
  /** Those with one, the longest first. */
  readonly busy = new Set<Connection>();

  constructor(kind: ShareKind, { key, most }: { key: string; most: number }) {
    this.kind = kind;
    this.key = key;
    this.most = most;
  }
}

/** Places that there are without memory for more, in all: enough for a balancer, checks and those who ask why. */
const FEW = 100;

/** What {@linkcode ConnectionPlaces} work with. */
export interface ConnectionPlacesOptions {
  /** How many places there are, and how long one has its own for sure as long as others have theirs for longer. */
  readonly limits: Readonly<
    Required<Pick<HostileLimits, `maxConnections${"" | "PerAddress" | "PerNetwork"}` | "yieldAfterMs">>
  >;
  /**
   * Whether there is memory for more connections; without it, newcomers take the places of others.
   *
   * @default {() => true}
   */
  readonly hasMemory?: () => boolean;
  /** Cuts one that gives way, because there was no room in this share; it leaves at once. */
  readonly onYield: (connection: Connection, share: ShareKind) => void;
  /** The time in milliseconds, from any origin. */
  readonly now: () => number;
}

/**
 * Who has a place. It is given up, first to last, by
 *
 * 1. who has had no request in progress for `yieldAfterMs`, the longest first: not come to the end of its headers or of a TLS
 *    handshake, or idle after a response;
 * 2. who keeps us waiting for as long within a request, with the rest of a body or by not taking the response;
 * 3. who has been the one or the other for the longest in the network that has the most places, though for less long than that:
 *    so a crowd that comes faster than places get old drives out its own.
 *
 * Nobody gives it up whose request is with its handler. A newcomer to an address or network that has no room takes the place of
 * one of the first two kinds there, so that a crowd takes nothing from others, and its own comings and goings have an end.
 */
export class ConnectionPlaces {
  readonly #options: ConnectionPlacesOptions;
  readonly #total: Share;
  readonly #byKey = new Map<string, Share>();
  readonly #sharesOf = new Map<Connection, readonly Share[]>();

  /** Nobody has a place yet. */
  constructor(options: ConnectionPlacesOptions) {
    this.#options = options;
    this.#total = new Share("total", { key: "", most: options.limits.maxConnections });
  }

  /** How many are taken. */
  get size(): number {
    return this.#sharesOf.size;
  }

  /** Who has one. */
  connections(): Iterable<Connection> {
    return this.#sharesOf.keys();
  }

  /** Whether a connection has one. */
  has(connection: Connection): boolean {
    return this.#sharesOf.has(connection);
  }

  /** Makes room for one more, of an address if it has one of its own: returns the share that has none, if nobody gives way there. */
  makeRoom(address: string | undefined): ShareKind | undefined {
    const shares = address === undefined ? [] : this.#sharesAt(address);
    return this.#makeRoomIn([...shares, this.#total]);
  }

  /** Gives a place to one that has no request in progress. The caller has made room for it. */
  enter(connection: Connection, address: string | undefined): void {
    this.#join(connection, [...(address === undefined ? [] : this.#sharesAt(address)), this.#total]);
  }

  /** The place of one that had no address is now of this one. Returns the share that has no room for it. */
  attribute(connection: Connection, address: string): ShareKind | undefined {
    const shares = this.#sharesAt(address);
    const full = this.#makeRoomIn(shares);
    if (full === undefined) this.#join(connection, shares);
    return full;
  }

  /** One has left. False if it had no place any more. */
  leave(connection: Connection): boolean {
    const shares = this.#sharesOf.get(connection);
    if (shares === undefined) return false;
    this.#sharesOf.delete(connection);
    for (const share of shares) {
      share.idle.delete(connection);
      share.busy.delete(connection);
      if (--share.size === 0 && share !== this.#total) this.#byKey.delete(share.key);
    }
    return true;
  }

  /** A request of this one is in progress. */
  busy(connection: Connection): void {
    for (const { idle, busy } of this.#sharesOf.get(connection) ?? []) {
      idle.delete(connection);
      busy.add(connection);
    }
  }

  /** No request of this one is in progress any more. */
  idle(connection: Connection): void {
    for (const { idle, busy } of this.#sharesOf.get(connection) ?? []) {
      busy.delete(connection);
      idle.add(connection);
    }
  }

  #join(connection: Connection, shares: readonly Share[]) {
    for (const share of shares) {
      share.size++;
      share.idle.add(connection);
      if (share !== this.#total) this.#byKey.set(share.key, share);
    }
    this.#sharesOf.set(connection, [...this.#sharesOf.get(connection) ?? [], ...shares]);
  }

  /** The narrowest first: who gives way there makes room in the wider ones as well. */
  #sharesAt(address: string): Share[] {
    const { maxConnectionsPerAddress, maxConnectionsPerNetwork } = this.#options.limits;
    const at = (kind: ShareKind, key: string, most: number) => this.#byKey.get(key) ?? new Share(kind, { key, most });
    const network = addressNetwork(address);
    return [
      at("address", addressBlock(address), maxConnectionsPerAddress),
      // What is no IP address is a network of its own.
      at("network", `network ${network}`, maxConnectionsPerNetwork),
    ];
  }

  #makeRoomIn(shares: readonly Share[]): ShareKind | undefined {
    for (const share of shares) {
      if (share.size < this.#mostOf(share)) continue;
      const connection = this.#yielding(share);
      if (connection === undefined) return share.kind;
      this.leave(connection);
      this.#options.onYield(connection, share.kind);
    }
    return undefined;
  }

  #mostOf({ kind, size, most }: Share): number {
    const { hasMemory = () => true } = this.#options;
    return kind !== "total" || hasMemory() ? most : Math.min(most, Math.max(size, FEW));
  }

  #yielding(share: Share): Connection | undefined {
    const latest = this.#options.now() - this.#options.limits.yieldAfterMs;
    const [idlest] = share.idle;
    if (idlest !== undefined && idlest.idleSince <= latest) return idlest;
    // They are in the order of their requests, which is nearly that of their waiting.
    const slowest = slowestOf(share, latest);
    if (slowest?.waitsSince !== undefined && slowest.waitsSince <= latest) return slowest;
    if (share !== this.#total) return undefined;
    const heaviest = this.#heaviest();
    return (heaviest && longestOf(heaviest)) ?? longestOf(share);
  }

  /** The network that has the most places. */
  #heaviest(): Share | undefined {
    let heaviest: Share | undefined;
    for (const share of this.#byKey.values()) {
      if (share.kind === "network" && share.size > (heaviest?.size ?? 0)) heaviest = share;
    }
    return heaviest;
  }
}

/** Who keeps us waiting within a request for the longest; any that has since `enough`. */
function slowestOf({ busy }: Share, enough = -Infinity): Connection | undefined {
  let slowest: Connection | undefined, since = Infinity;
  for (const connection of busy) {
    const { waitsSince = Infinity } = connection;
    if (waitsSince >= since) continue;
    slowest = connection;
    since = waitsSince;
    if (since <= enough) break;
  }
  return slowest;
}

/** Who has had no request, or keeps us waiting within one, for the longest. */
function longestOf(share: Share): Connection | undefined {
  const [idlest] = share.idle, slowest = slowestOf(share);
  if (idlest === undefined || slowest?.waitsSince === undefined) return idlest ?? slowest;
  return idlest.idleSince <= slowest.waitsSince ? idlest : slowest;
}
