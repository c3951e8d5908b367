/**
 * The ring as all of its servers see it, each for itself.
 *
 * @module
 */

import type { RingView } from "../api/ring_view.ts";
import { type AskedRing, askMembers } from "./ask_members.ts";
import { awaitedText } from "../../ring/protocol/awaited.ts";
import {
  awaitedOf,
  certificatesOf,
  isMemberReport,
  type MemberReport,
  pagesOf,
  sinksOf,
  transfersOf,
} from "./member_report.ts";

/** The topic of the question how a server sees the ring. */
export const RING_TOPIC = "ring";

/** Asks every server how it sees the ring. */
export async function ringOverview(ring: AskedRing, own: MemberReport): Promise<RingView> {
  const { answers, members } = await askMembers(ring, {
    ...{ topic: RING_TOPIC, asked: null, isAnswer: isMemberReport },
    whom: "known",
  });
  const views = new Map([[own.name, own], ...answers]);
  const whyNot = new Map(members.map(({ name, why }) => [name, why]));
  const waitsFor = awaitedText(awaitedOf(own));
  const self = own.members.find(({ name }) => name === own.name);
  return {
    name: own.name,
    ...own.closed !== undefined && { closed: own.closed.message },
    ...waitsFor !== undefined && { waitsFor },
    carriesOnAlone: [...views.values()].some(({ carriesOnAlone }) => carriesOnAlone),
    agrees: new Set([...views.values()].map(({ view }) => view.digest)).size === 1,
    epoch: own.agreed?.epoch ?? 0,
    voters: own.agreed?.members.map(({ name }) => name) ?? [],
    confirmedBy: own.view.confirmedBy,
    members: own.members.map(({ heardMsAgo, ...row }) => {
      const { name, address, host, status, phase, isWitness, incarnation, linked } = row;
      const view = views.get(name);
      const why = whyNot.get(name);
      const certificates = view && certificatesOf(view);
      const sinks = view && sinksOf(view);
      const waitsFor = view && awaitedText(awaitedOf(view));
      const pages = self && pagesOf(view?.internal, { member: { address, host }, own: self });
      return {
        ...{ name, address, host, status, phase, isWitness, incarnation, linked },
        inView: [...own.view.members, ...own.view.witnesses].includes(name),
        ...heardMsAgo !== undefined && { heardSecondsAgo: heardMsAgo / 1_000 },
        ...why !== undefined && { why },
        ...view !== undefined && {
          digest: view.view.digest,
          ...view.closed !== undefined && { closed: view.closed.message },
          ...waitsFor !== undefined && { waitsFor },
          clusters: view.clusters,
          transfers: transfersOf(view),
          ...pages !== undefined && { pages },
          ...certificates !== undefined && { certificates },
          ...sinks !== undefined && { sinks },
        },
      };
    }),
    seeds: own.seeds,
    transitions: own.transitions,
  };
}
