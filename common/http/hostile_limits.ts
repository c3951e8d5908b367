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
   * @default {512}
   */
  readonly maxConnectionsPerAddress?: number;
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

/** The defaults of {@linkcode HostileLimits}. */
export const HOSTILE_LIMITS: Readonly<Required<HostileLimits>> = {
  maxConnections: 2_048,
  maxConnectionsPerAddress: 512,
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
