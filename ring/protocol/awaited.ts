/**
 * For whom a member waits that shows nothing, and for what.
 *
 * @module
 */

/** What a member is waited for: it cannot be reached, has another view, has clusters of ours left to hand over, or has not voted. */
export const AWAITED_FOR = ["unreachable", "unconfirmed", "owes", "undecided"] as const;

/** Somebody who is waited for. */
export interface Awaited {
  /** The name of the member; the address of one whose name nobody knows yet. */
  readonly member: string;
  /** For what. */
  readonly why: typeof AWAITED_FOR[number];
}

/** The most members that a text names. */
const MAX_NAMED = 10;

const WORDS: Readonly<Record<Awaited["why"], string>> = {
  unreachable: "cannot be reached",
  unconfirmed: "has not confirmed the view",
  owes: "has clusters left to hand over",
  undecided: "has not voted for the view",
};

/** The same for a person; undefined if nobody is waited for. */
export function awaitedText(awaited: readonly Awaited[]): string | undefined {
  if (awaited.length === 0) return undefined;
  const named = awaited.slice(0, MAX_NAMED).map(({ member, why }) => `${member}, which ${WORDS[why]}`);
  if (awaited.length > MAX_NAMED) named.push(`${awaited.length - MAX_NAMED} more`);
  return named.join("; ");
}
