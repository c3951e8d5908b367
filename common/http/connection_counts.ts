/**
 * What is counted of a listener's connections, and by which reasons, whichever program counts it.
 *
 * @module
 */

/** Of which limit a place is: all of a listener's connections, those of an address (IPv6: /64), of a network (/24, IPv6: /48). */
export const SHARES = ["total", "address", "network"] as const;

/** One of {@linkcode SHARES}. */
export type ShareKind = typeof SHARES[number];

/** Why connections are cut, the last three to make room for others. */
export const CUTS = [
  "handshake",
  "headers",
  "body",
  "framing",
  "stalled",
  "idle",
  "malformed",
  "pipelining",
  "drain",
  "room_total",
  "room_address",
  "room_network",
] as const;

/** Why a connection was cut. */
export type Cut = typeof CUTS[number];

/** What each number is called and means. The first two have the labels `listener` and `reason`, the last has `listener`. */
export const CONNECTION_METRICS = {
  refused: {
    name: "telemeter_http_connections_refused_total",
    help:
      "Connections closed at once because there were too many, in all, from their address or from its network, and " +
      "none gave way",
  },
  cut: {
    name: "telemeter_http_connections_cut_total",
    help:
      "Connections that were cut because they were slow, idle or broke the protocol, or gave way to others (room_…), " +
      "by reason",
  },
  open: { name: "telemeter_http_connections", help: "Open connections" },
} as const;

/** Counts the connections of listeners. */
export interface ConnectionMetrics {
  /** Counts a connection that was not let in. */
  refused(listener: string, reason: ShareKind): void;
  /** Counts a connection that was cut. */
  cut(listener: string, reason: Cut): void;
  /** Shows how many connections a listener has open until the returned function is called, and from now on what is counted. */
  watchOpen(listener: string, count: () => number): () => void;
}
