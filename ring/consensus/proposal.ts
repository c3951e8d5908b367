/**
 * One attempt to decide a view, as its proposer follows it.
 *
 * ```text
 * PREPARE ── promised by a quorum ──▶ ACCEPT (what was accepted before, or what we want) ── accepted by a quorum ──▶ decided
 * ```
 *
 * @module
 */

import type { AgreedView } from "../protocol/agreed_view.ts";
import { type Accepted, type Ballot, compareBallots } from "../protocol/ballot.ts";
import type { Vote } from "./quorum.ts";

/** What a proposal works with. */
export interface ProposalOptions {
  /** The ballot. */
  readonly ballot: Ballot;
  /** The view to decide on, unless another may have been. */
  readonly wanted: AgreedView;
  /** Whether votes suffice. */
  readonly isQuorum: (has: (vote: Vote) => boolean) => boolean;
  /** When it began. */
  readonly startedAt: number;
}

/** An attempt. */
export class Proposal {
  /** The ballot. */
  readonly ballot: Ballot;
  /** When it began. */
  readonly startedAt: number;
  readonly #options: ProposalOptions;
  readonly #promised = new Set<string>();
  readonly #accepted = new Set<string>();
  #before: Accepted | undefined;
  #value: AgreedView | undefined;

  /** Begins with nothing heard. */
  constructor(options: ProposalOptions) {
    this.#options = options;
    this.ballot = options.ballot;
    this.startedAt = options.startedAt;
  }

  /** What is to be accepted, once enough have promised. */
  get value(): AgreedView | undefined {
    return this.#value;
  }

  /** A vote is promised; true if that is the one that suffices. */
  promised(vote: Vote, accepted: Accepted | undefined): boolean {
    if (this.#value !== undefined) return false;
    this.#promised.add(key(vote));
    if (
      accepted !== undefined && (this.#before === undefined || compareBallots(accepted.ballot, this.#before.ballot) > 0)
    ) {
      this.#before = accepted;
    }
    if (!this.#options.isQuorum((vote) => this.#promised.has(key(vote)))) return false;
    this.#value = this.#before?.view ?? this.#options.wanted;
    return true;
  }

  /** A vote has accepted; true if that is the one that decides. */
  accepted(vote: Vote): boolean {
    if (this.#value === undefined) return false;
    const wasDecided = this.#isDecided();
    this.#accepted.add(key(vote));
    return !wasDecided && this.#isDecided();
  }

  #isDecided(): boolean {
    return this.#options.isQuorum((vote) => this.#accepted.has(key(vote)));
  }
}

function key({ name, disk }: Vote): string {
  return `${disk} ${name}`;
}
