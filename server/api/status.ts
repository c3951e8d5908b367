/**
 * What a server says of itself: what it is, how it is set, and how far it is from its limits.
 *
 * @module
 */

import configuration from "../../deno.json" with { type: "json" };
import type { OptionReport } from "../../common/option_report.ts";

/** A limit of the server as a whole. */
export interface LimitUse {
  /** The flag that sets it. */
  readonly flag: string;
  /** What it limits. */
  readonly what: string;
  /** How much is used now. */
  readonly used: number;
  /** How much may be used; 0 for no limit. */
  readonly limit: number;
}

/** The clusters that a server has. */
export interface HeldClusters {
  /** Those that it shows. */
  readonly shown: number;
  /** Those of whom it keeps a copy, to show them if their owner fails; absent where it is in no ring. */
  readonly standby?: number;
}

/** A certificate that the server uses. */
export interface CertificateStatus {
  /** The flag that names its file. */
  readonly flag: string;
  /** Its file. */
  readonly file: string;
  /** Whose it is. */
  readonly subject: string;
  /** When it ends, in RFC 3339. */
  readonly ends: string;
  /** Days until then, rounded down. */
  readonly days: number;
}

/** Days before its end from which a certificate needs somebody's attention. */
const SOON_DAYS = 14;

/** Whether a certificate has ended, or does so soon. */
export function endsSoon({ days }: Pick<CertificateStatus, "days">): boolean {
  return days < SOON_DAYS;
}

/** What the server says of itself. */
export interface ServerStatus {
  /** The program, its version, and what it runs on. */
  readonly build: { readonly program: string; readonly version: string; readonly deno: string; readonly v8: string };
  /** Its name in a ring. */
  readonly name?: string;
  /** When it started, in RFC 3339. */
  readonly started: string;
  /** Whether its store takes pushes, and why not. */
  readonly store: { readonly ok: boolean; readonly reason?: string };
  /** How it is set; secrets are left out. */
  readonly flags: readonly OptionReport[];
  /** What has become of the clusters that it has. */
  readonly clusters: HeldClusters;
  /** How far it is from its limits. */
  readonly limits: readonly LimitUse[];
  /** The certificates that it uses. */
  readonly certificates: readonly CertificateStatus[];
}

/** What a status is made of. */
export interface StatusSources {
  /** Its name in a ring. */
  readonly name?: string;
  /** When the server started, in milliseconds since the epoch. */
  readonly startedMs: number;
  /** How the server is set. */
  readonly flags: () => readonly OptionReport[];
  /** The outcome of the last write. */
  readonly store: () => { readonly ok: boolean; readonly reason?: string };
  /** How far it is from its limits. */
  readonly limits: () => readonly LimitUse[];
  /** What has become of the clusters that it has. */
  readonly clusters: () => HeldClusters;
  /** The certificates that it uses. */
  readonly certificates: () => readonly {
    readonly flag: string;
    readonly file: string;
    readonly subject: string;
    readonly endsMs: number;
  }[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const DAY_MS = 86_400_000;

/** What the server says of itself now. */
export function statusOf(
  { name, startedMs, flags, store, clusters, limits, certificates, now }: StatusSources,
): ServerStatus {
  const { ok, reason } = store();
  return {
    build: {
      program: "telemeter-server",
      version: configuration.version,
      deno: Deno.version.deno,
      v8: Deno.version.v8,
    },
    ...name !== undefined && { name },
    started: new Date(startedMs).toISOString(),
    store: ok ? { ok } : { ok, reason },
    flags: flags(),
    clusters: clusters(),
    limits: limits(),
    certificates: certificates().map(({ endsMs, ...rest }) => ({
      ...rest,
      ends: new Date(endsMs).toISOString(),
      days: Math.floor((endsMs - now()) / DAY_MS),
    })),
  };
}
