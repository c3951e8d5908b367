/**
 * The ring as all of its servers see it, each for itself.
 *
 * @module
 */

import type { RingView } from "../api/ring_view.ts";
import { type AskedRing, askMembers } from "./ask_members.ts";
import type { RunningRingStatus } from "./open_ring.ts";

/** The topic of the question how a server sees the ring. */
export const RING_TOPIC = "ring";

/** Asks every server how it sees the ring. */
export async function ringOverview(ring: AskedRing, own: RunningRingStatus): Promise<RingView> {
  const { answers, members } = await askMembers<RunningRingStatus>(ring, { topic: RING_TOPIC, asked: null });
  const views = new Map([[own.name, own], ...answers]);
  const whyNot = new Map(members.map(({ name, why }) => [name, why]));
  return {
    name: own.name,
    ...own.closed !== undefined && { closed: own.closed.message },
    carriesOnAlone: [...views.values()].some(({ carriesOnAlone }) => carriesOnAlone),
    agrees: new Set([...views.values()].map(({ view }) => view.digest)).size === 1,
    epoch: own.agreed?.epoch ?? 0,
    members: own.members.map(({ heardMsAgo, ...row }) => {
      const { name, address, host, status, phase, isWitness, incarnation, linked } = row;
      const view = views.get(name);
      const why = whyNot.get(name);
      return {
        ...{ name, address, host, status, phase, isWitness, incarnation, linked },
        ...heardMsAgo !== undefined && { heardSecondsAgo: heardMsAgo / 1_000 },
        ...why !== undefined && { why },
        ...view !== undefined && {
          digest: view.view.digest,
          ...view.closed !== undefined && { closed: view.closed.message },
          clusters: view.clusters,
          transfers: view.transfers,
        },
      };
    }),
    seeds: own.seeds,
    transitions: own.transitions,
  };
}
