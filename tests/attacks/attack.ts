/**
 * What an attack is: what it is done to, beside what good clients, and with what.
 *
 * @module
 */

import type { Random } from "../support/random.ts";

/** What an attack works with, in a process of its own. */
export interface AttackTools {
  /** The external listeners of all servers. */
  readonly externals: readonly URL[];
  /** The internal listener of one of them. */
  readonly internal: URL;
  /** The port of the ring's listener of one of them. */
  readonly ringPort: number;
  /** The certificate of a member that does not run, and the thumbprint of the token key. */
  readonly member: { readonly ca: string; readonly cert: string; readonly key: string; readonly keyId: string };
  /** Makes a good token: the attacker is a client like others. */
  readonly token: (id: string) => Promise<string>;
  /** What it follows from. */
  readonly random: Random;
  /** Aborted when it is over. */
  readonly signal: AbortSignal;
  /** Says that all is prepared, and that from now on it is sent: what good clients find before does not count. */
  readonly begins: () => void;
  /** Counts what was sent. */
  readonly sent: (count?: number) => void;
}

/** One attack. */
export interface Attack {
  /** Against how many servers: a ring, if several. */
  readonly servers: 1 | 3;
  /** Their flags, besides the usual ones. Those that a server does not know are left out. */
  readonly flags?: readonly string[];
  /** Whether the servers ask an upstream authorizer, which takes its time for some tokens. @default {false} */
  readonly authorizes?: boolean;
  /** What good clients do. @default {"push"} */
  readonly clients?: ClientKind;
  /** Clusters of 1,000 series that are there besides. @default {0} */
  readonly held?: number;
  /** What is counted as sent. */
  readonly unit: string;
  /** Goes on until the signal is aborted. It never rejects: who is refused or cut gets what it wants. */
  readonly run: (tools: AttackTools) => Promise<void>;
}

/**
 * What good clients do each time: push over a connection that they keep, over a new one, with a token that nobody has seen before, or
 * after they have got one from `/authorize`.
 */
export type ClientKind = "push" | "connect" | "new token" | "authorize";

/** The token that the upstream authorizer is slow to answer. */
export const SLOW_TOKEN = "slow";
