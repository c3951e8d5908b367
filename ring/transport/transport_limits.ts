/**
 * The limits of the ring's transport.
 *
 * @module
 */

/** What the transport allows peers, and everybody else who connects. */
export interface TransportLimits {
  /**
   * Open connections to the listener in all: 50 members of which each one dials at the same moment, and others.
   *
   * @default {512}
   */
  readonly maxConnections: number;
  /**
   * Open connections to the listener from one IPv4 address or one IPv6 /64 network: several members may run on one host.
   *
   * @default {64}
   */
  readonly maxConnectionsPerAddress: number;
  /**
   * Open connections to the listener from one IPv4 /24 or one IPv6 /48 network: all members may be of one.
   *
   * @default {256}
   */
  readonly maxConnectionsPerNetwork: number;
  /**
   * New connections in a second from one IPv4 address or one IPv6 /64 network: twice the members that may start on one host.
   *
   * @default {100}
   */
  readonly maxConnectionsPerSecond: number;
  /**
   * The same from one IPv4 /24 or one IPv6 /48 network: a whole ring that starts there.
   *
   * @default {400}
   */
  readonly maxConnectionsPerSecondPerNetwork: number;
  /**
   * Links in all.
   *
   * @default {256}
   */
  readonly maxLinks: number;
  /**
   * Dials under way at the same time.
   *
   * @default {64}
   */
  readonly maxDials: number;
  /**
   * From the connection to the end of the HELLOs, TLS included, on either end.
   *
   * @default {5_000}
   */
  readonly helloTimeoutMs: number;
  /**
   * After how long a silence a ping is sent. Members say something each second; this is for what membership does not see.
   *
   * @default {10_000}
   */
  readonly pingMs: number;
  /**
   * After how long a silence a link is given up: later than membership declares its peer dead (20 s).
   *
   * @default {30_000}
   */
  readonly silentMs: number;
  /**
   * Up to which silence a link counts as live when another one to the same process comes up: three pings of membership.
   *
   * @default {3_000}
   */
  readonly freshMs: number;
  /**
   * After how long a silence another connection is tried beside a link, and again after as long: longer than `freshMs` on both
   * ends, so that it takes the link's place, and in time before membership declares the peer dead (10 s).
   *
   * @default {5_000}
   */
  readonly doubtMs: number;
  /**
   * The age at which a link is renewed, so that certificates that are gone do not stay in use. At twice this age it ends.
   *
   * @default {86_400_000}
   */
  readonly renewMs: number;
  /**
   * Malformed frames within {@linkcode TransportLimits.protocolErrorsMs} until the link is closed.
   *
   * @default {3}
   */
  readonly maxProtocolErrors: number;
  /**
   * After how long a malformed frame is forgotten.
   *
   * @default {60_000}
   */
  readonly protocolErrorsMs: number;
  /**
   * How long a link that ends may take to send what waits and to close.
   *
   * @default {1_000}
   */
  readonly lingerMs: number;
}

/** The defaults of {@linkcode TransportLimits}. */
export const TRANSPORT_LIMITS: TransportLimits = {
  maxConnections: 512,
  maxConnectionsPerAddress: 64,
  maxConnectionsPerNetwork: 256,
  maxConnectionsPerSecond: 100,
  maxConnectionsPerSecondPerNetwork: 400,
  maxLinks: 256,
  maxDials: 64,
  helloTimeoutMs: 5_000,
  pingMs: 10_000,
  silentMs: 30_000,
  freshMs: 3_000,
  doubtMs: 5_000,
  renewMs: 24 * 3_600_000,
  maxProtocolErrors: 3,
  protocolErrorsMs: 60_000,
  lingerMs: 1_000,
};
