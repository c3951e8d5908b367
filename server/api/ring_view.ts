/**
 * A ring as JSON for people and their tools.
 *
 * @module
 */

import type { SinkReport } from "../sinks/sink.ts";
import type { CertificateStatus } from "./status.ts";

/** A member of the ring: what this server knows of it, and what it says itself. */
export interface RingMemberView {
  /** Its name. */
  readonly name: string;
  /** Where it can be dialled. */
  readonly address: string;
  /** The machine that it runs on. */
  readonly host: string;
  /** Whether it lives, as this server knows: `ALIVE`, `SUSPECT`, `DEAD` or `LEFT`. */
  readonly status: string;
  /** How far it is in joining or leaving: `JOINING`, `ACTIVE` or `LEAVING`. */
  readonly phase: string;
  /** Whether it only votes, for good or for as long as it is not able to own clusters. */
  readonly isWitness: boolean;
  /** How often it has started, or refuted its death. */
  readonly incarnation: number;
  /** Whether there is a link to it. */
  readonly linked: boolean;
  /** Whether clusters are placed on it, or it votes, by the view of the server that was asked. */
  readonly inView: boolean;
  /** When it was heard last. */
  readonly heardSecondsAgo?: number;
  /** Why it has not answered for itself; absent if it has. */
  readonly why?: string;
  /** The digest of the view that it has: equal for those who agree who owns what. */
  readonly digest?: string;
  /** Why it shows nothing; absent if it shows what it owns. */
  readonly closed?: string;
  /** For whom it waits meanwhile, and for what; absent where it waits for nobody, or has not told. */
  readonly waitsFor?: string;
  /** The clusters of whom it has the last push stored: as their owner, as their standby, and of others that it hands over. */
  readonly clusters?: { readonly owned: number; readonly standby: number; readonly foreign: number };
  /** Where its pages are, as a URL; absent where that is not known here. */
  readonly pages?: string;
  /** The certificates that it uses; absent where it has not told. */
  readonly certificates?: readonly CertificateStatus[];
  /** The sinks that it forwards to; absent where it has not told. */
  readonly sinks?: readonly SinkReport[];
  /** Entries that others must still get from it, and copies under way; where it has told, how many each must get, by name. */
  readonly transfers?: {
    readonly owed: number;
    readonly copies: number;
    readonly owedTo?: Readonly<Record<string, number>>;
  };
}

/** The ring. */
export interface RingView {
  /** The name of the server that was asked. */
  readonly name: string;
  /** Why it shows nothing; absent if it shows what it owns. */
  readonly closed?: string;
  /** For whom it waits meanwhile, and for what; absent where it waits for nobody. */
  readonly waitsFor?: string;
  /** Whether one of two servers carries on without the other, so that both may show the same clusters. */
  readonly carriesOnAlone: boolean;
  /** Whether all who have answered have one view. */
  readonly agrees: boolean;
  /** Counts the views that all members agreed on. */
  readonly epoch: number;
  /** The members that vote on the next view, by name. */
  readonly voters: readonly string[];
  /** Those of them that have confirmed the last page of the server that was asked; none if it has shown none yet. */
  readonly confirmedBy: readonly string[];
  /** All that are known. */
  readonly members: readonly RingMemberView[];
  /** How it stands with the addresses that this server was given to begin with. */
  readonly seeds: readonly object[];
  /** What happened last, newest first. */
  readonly transitions: readonly { readonly at: string; readonly what: string; readonly [field: string]: unknown }[];
}
