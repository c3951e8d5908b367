/**
 * The limits of a listener that faces a hostile network.
 *
 * @module
 */

/** What a listener that faces a hostile network allows. The defaults suit pushes of some 20 KB. */
export interface HostileLimits {
  /**
   * Open connections in all. One that holds a half-sent request costs some 25 KB, over TLS some 50 KB.
   *
   * @default {2_048}
   */
  readonly maxConnections?: number;
  /**
   * Open connections of one IPv4 address or one IPv6 /64 network. Those of a trusted proxy count for the client that it names, if
   * it does.
   *
   * @default a tenth of `maxConnections`, and 16 at least
   */
  readonly maxConnectionsPerAddress?: number;
  /**
   * Open connections of one IPv4 /24 or one IPv6 /48 network.
   *
   * @default a quarter of `maxConnections`, `maxConnectionsPerAddress` at least, and 16 at least
   */
  readonly maxConnectionsPerNetwork?: number;
  /**
   * How long a connection keeps its place for sure, with nothing to do or with a request that does not go on, while others have
   * been so for longer. A usual push is there in some 50 ms, a TLS handshake over a long way in 300.
   *
   * @default {1_000}
   */
  readonly yieldAfterMs?: number;
  /**
   * From the connection, or the first byte after an idle time, to the end of the headers.
   *
   * @default {10_000}
   */
  readonly headersTimeoutMs?: number;
  /**
   * From when a handler wants the body to its end.
   *
   * @default {30_000}
   */
  readonly bodyTimeoutMs?: number;
  /**
   * The least that must arrive of a wanted body in any `bodyWindowMs`, on average. A push of 21 KB that is to be complete
   * within 30 s needs 700 bytes/s.
   *
   * @default {512}
   */
  readonly minBodyBytesPerSecond?: number;
  /**
   * The time over which `minBodyBytesPerSecond` is measured: long enough for TCP to mend a lost packet or two.
   *
   * @default {10_000}
   */
  readonly bodyWindowMs?: number;
  /**
   * How long a client may take nothing of a response that is waiting for it.
   *
   * @default {60_000}
   */
  readonly stallTimeoutMs?: number;
  /**
   * How long a connection is kept between requests.
   *
   * @default {75_000}
   */
  readonly idleTimeoutMs?: number;
  /**
   * From the connection to the end of the TLS handshake.
   *
   * @default {10_000}
   */
  readonly handshakeTimeoutMs?: number;
  /**
   * How long a connection stays half-closed after a request that was refused half-read, so that the client can read why:
   * closing it altogether would take the reply with it.
   *
   * @default {500}
   */
  readonly lingerMs?: number;
  /**
   * Request line and headers together.
   *
   * @default {16_384}
   */
  readonly maxHeaderBytes?: number;
  /**
   * Path and query.
   *
   * @default {4_096}
   */
  readonly maxUrlBytes?: number;
}

/** What the defaults of {@linkcode HostileLimits} are that do not follow from others. */
const DEFAULTS: Readonly<Required<Omit<HostileLimits, `maxConnectionsPer${"Address" | "Network"}`>>> = {
  maxConnections: 2_048,
  yieldAfterMs: 1_000,
  headersTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  minBodyBytesPerSecond: 512,
  bodyWindowMs: 10_000,
  stallTimeoutMs: 60_000,
  idleTimeoutMs: 75_000,
  handshakeTimeoutMs: 10_000,
  lingerMs: 500,
  maxHeaderBytes: 16_384,
  maxUrlBytes: 4_096,
};

/** An address has a place in so many: ten of them hold all, and none of it is theirs for longer than others want it. */
const ADDRESS_SHARE = 10;
/** What an address or network has even of few. */
const LEAST_SHARE = 16;
/** A network has a place in so many. */
const NETWORK_SHARE = 4;

/** All limits, by those that are given: an option that is there but undefined is as good as absent. */
export function limitsFrom(limits: HostileLimits = {}): Readonly<Required<HostileLimits>> {
  const given = Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== undefined));
  const { maxConnections, maxConnectionsPerAddress, maxConnectionsPerNetwork, ...others }:
    & typeof DEFAULTS
    & HostileLimits = { ...DEFAULTS, ...given };
  const ofAddress = maxConnectionsPerAddress ?? Math.max(LEAST_SHARE, Math.ceil(maxConnections / ADDRESS_SHARE));
  return {
    ...others,
    maxConnections,
    maxConnectionsPerAddress: ofAddress,
    maxConnectionsPerNetwork: maxConnectionsPerNetwork ??
      Math.max(ofAddress, LEAST_SHARE, Math.ceil(maxConnections / NETWORK_SHARE)),
  };
}

/** The limits where none is given. */
export const HOSTILE_LIMITS: Readonly<Required<HostileLimits>> = limitsFrom();
