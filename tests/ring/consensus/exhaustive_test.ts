/**
 * Three votes and two proposers that want different views: every order in which their messages can come, or not come, with none left
 * out. At most one view is ever decided, and once one is, no quorum confirms the view before it.
 */

import assert from "node:assert/strict";
import { accept, promise } from "../../../ring/consensus/acceptor.ts";
import { Proposal } from "../../../ring/consensus/proposal.ts";
import { isQuorum } from "../../../ring/consensus/quorum.ts";
import type { Accepted, AcceptorState } from "../../../ring/protocol/ballot.ts";
import { agreedView } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const BEFORE = agreedView(1, "abc");
const NAMES = ["a", "b", "c"];
const PROPOSERS = [
  { ballot: { round: 1, proposer: "a" }, wanted: agreedView(2, "ab", { isStrict: true }) },
  { ballot: { round: 1, proposer: "c" }, wanted: agreedView(2, "bc", { isStrict: true }) },
];

/** What has come of the messages of one proposer and one vote: each step follows the one before. */
interface Exchange {
  readonly promised?: { readonly accepted?: Accepted };
  readonly isPromiseHeard?: true;
  readonly isAccepted?: true;
}

interface World {
  readonly votes: readonly AcceptorState[];
  /** By proposer, then by vote. */
  readonly exchanges: readonly (readonly Exchange[])[];
  /** From which votes a proposer has heard a promise, in that order, as long as that makes a difference. */
  readonly heard: readonly (readonly number[])[];
}

type Rules = { readonly accept: typeof accept; readonly promise: typeof promise };

/** The proposal as it stands, and whether it is decided: that is so once a quorum has accepted it, whoever has heard of that. */
function proposalOf({ exchanges, heard }: World, proposer: number): { proposal: Proposal; isDecided: boolean } {
  const isQuorumOf = (has: (vote: { name: string; disk: string }) => boolean) => isQuorum(BEFORE, has);
  const proposal = new Proposal({ ...PROPOSERS[proposer], isQuorum: isQuorumOf, startedAt: 0 });
  const voteOf = (index: number) => ({ name: NAMES[index], disk: `disk-${NAMES[index]}` });
  for (const index of heard[proposer]) proposal.promised(voteOf(index), exchanges[proposer][index].promised!.accepted);
  let isDecided = false;
  for (const [index, { isAccepted }] of exchanges[proposer].entries()) {
    if (isAccepted) isDecided = proposal.accepted(voteOf(index)) || isDecided;
  }
  return { proposal, isDecided };
}

function change<T>(list: readonly T[], index: number, item: T): T[] {
  return list.map((old, at) => at === index ? item : old);
}

/** Every world that is one step away. */
function* next(world: World, rules: Rules): Generator<World> {
  for (const proposer of PROPOSERS.keys()) {
    const { ballot } = PROPOSERS[proposer], { value } = proposalOf(world, proposer).proposal;
    for (const index of NAMES.keys()) {
      const exchange = world.exchanges[proposer][index];
      const with_ = (differs: Exchange, { state, heard }: { state?: AcceptorState; heard?: number } = {}): World => ({
        votes: state === undefined ? world.votes : change(world.votes, index, state),
        exchanges: change(
          world.exchanges,
          proposer,
          change(world.exchanges[proposer], index, { ...exchange, ...differs }),
        ),
        heard: heard === undefined ? world.heard : change(world.heard, proposer, [...world.heard[proposer], heard]),
      });
      if (exchange.promised === undefined) {
        const state = rules.promise(world.votes[index], ballot);
        if (state !== undefined) yield with_({ promised: { accepted: state.accepted } }, { state });
      } else if (!exchange.isPromiseHeard && value === undefined) {
        yield with_({ isPromiseHeard: true }, { heard: index });
      }
      if (value !== undefined && !exchange.isAccepted) {
        const state = rules.accept(world.votes[index], { ballot, view: value });
        if (state !== undefined) yield with_({ isAccepted: true }, { state });
      }
    }
  }
}

/** Looks at every world that can come to be; returns how many there are, or what is wrong with one. */
function explore(rules: Rules): { worlds: number; decisions: number; fault?: string } {
  const start: World = {
    votes: NAMES.map(() => ({ epoch: 2 })),
    exchanges: PROPOSERS.map(() => NAMES.map(() => ({}))),
    heard: PROPOSERS.map(() => []),
  };
  const seen = new Set<string>(), open = [start];
  let decisions = 0;
  while (open.length > 0) {
    const world = open.pop()!;
    const decided = PROPOSERS.keys().map((proposer) => proposalOf(world, proposer))
      .filter(({ isDecided }) => isDecided).map(({ proposal }) => proposal.value!).toArray();
    decisions += decided.length;
    if (new Set(decided).size > 1) return { worlds: seen.size, decisions, fault: "two views are decided" };
    const confirm = (name: string) => world.votes[NAMES.indexOf(name)].accepted === undefined;
    if (decided.length > 0 && isQuorum(BEFORE, ({ name }) => confirm(name))) {
      return { worlds: seen.size, decisions, fault: "a quorum confirms the view before the one that is decided" };
    }
    for (const after of next(world, rules)) {
      const key = JSON.stringify(after);
      if (seen.has(key)) continue;
      seen.add(key);
      open.push(after);
    }
  }
  return { worlds: seen.size, decisions };
}

Deno.test("promise(), accept() and Proposal decide at most one view, in whatever order messages come, and none that a quorum denies", () => {
  const { worlds, decisions, fault } = explore({ promise, accept });
  assert.equal(fault, undefined);
  assert.ok(worlds > 1_000 && decisions > 100, `${worlds} worlds with ${decisions} decisions`);
});

Deno.test("the exhaustive check finds votes that forget what they have accepted, or what they have promised", () => {
  const forgetsAccepted: Rules["promise"] = (state, ballot) => {
    const promised = promise(state, ballot);
    return promised && { epoch: promised.epoch, promised: promised.promised };
  };
  assert.equal(typeof explore({ promise: forgetsAccepted, accept }).fault, "string");
  const forgetsPromised: Rules["accept"] = ({ epoch, accepted }, what) => accept({ epoch, accepted }, what);
  assert.equal(typeof explore({ promise, accept: forgetsPromised }).fault, "string");
});
