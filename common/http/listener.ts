/**
 * What a listener is, whichever server it runs on.
 *
 * @module
 */

import type { Logger } from "../log.ts";
import type { Authorities } from "../authorities.ts";
import type { Address } from "../option_kinds.ts";
import type { TlsIdentity } from "../tls.ts";
import type { ConnectionMetrics } from "./connection_counts.ts";
import type { HostileLimits } from "./hostile_limits.ts";
import type { Networks } from "./networks.ts";

/** A listener that runs. Disposing of it stops the intake, lets requests in flight finish for a while, and cuts the rest. */
export interface Listener extends AsyncDisposable {
  /** The address that it is bound to. */
  readonly hostname: string;
  /** The port that it is bound to. */
  readonly port: number;
  /** Where it is reached from this machine. */
  readonly url: URL;
}

/** How to listen. */
export interface ListenOptions {
  /** Where. */
  readonly address: Address;
  /**
   * What the listener is called in metrics.
   *
   * @default {"http"}
   */
  readonly name?: string;
  /** The limits of a listener that strangers reach; without them and without `tls` it trusts its clients. */
  readonly hostile?: HostileLimits;
  /**
   * Whether there is memory for more connections; without it, newcomers take the places of others. Only on a listener with limits.
   *
   * @default {() => true}
   */
  readonly hasMemory?: () => boolean;
  /** Speaks TLS with this identity, and with what it changes to. The caller disposes of it after the listener. */
  readonly tls?: TlsIdentity;
  /**
   * Asks clients for certificates, and believes those that these authorities have signed; who has none or another one is nobody. Only
   * with `tls`. The caller disposes of it after the listener.
   */
  readonly clientAuthorities?: Authorities;
  /**
   * The proxies that are believed who their clients are, by the PROXY protocol or by `Forwarded` and `X-Forwarded-For`; only on a
   * listener with limits.
   */
  readonly trustedProxies?: Networks;
  /**
   * How long requests in flight may take to finish when the listener is disposed of.
   *
   * @default {10_000}
   */
  readonly drainMs?: number;
  /** Gets the errors that the clients do not get to see. */
  readonly log: Logger;
  /** Counts connections open, refused and cut, on listeners that guard themselves. */
  readonly metrics?: ConnectionMetrics;
}

/** Where a listener is reached from this machine. */
export function urlOf({ secure, hostname, port }: { secure: boolean; hostname: string; port: number }): URL {
  const host = hostname === "::" || hostname === "0.0.0.0" ? "localhost" : hostname;
  return new URL(`${secure ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`);
}
