import assert from "node:assert/strict";
import type { RingMemberView, RingView } from "../../../server/api/ring_view.ts";
import { toldByMembers } from "../../../server/api/told_by_members.ts";

const memberOf = (name: string, member: Partial<RingMemberView> = {}): RingMemberView => ({
  ...{ name, address: `${name}:1`, host: name, status: "ALIVE", phase: "ACTIVE" },
  ...{ isWitness: false, incarnation: 1, linked: true, inView: true, sinks: [] },
  ...member,
});

const ringOf = (members: readonly RingMemberView[]): RingView => ({
  ...{ name: "a", carriesOnAlone: false, agrees: true, epoch: 1 },
  ...{ voters: [], confirmedBy: [], seeds: [], transitions: [], members },
});

Deno.test("toldByMembers() misses who is alive, or in the view, and nobody who is dead and out of it", () => {
  const untold = { sinks: undefined, why: "No link" };
  const ring = ringOf([
    memberOf("a"),
    memberOf("joining", { ...untold, inView: false }),
    memberOf("down", { ...untold, status: "DEAD" }),
    memberOf("gone", { ...untold, status: "DEAD", inView: false }),
    memberOf("left", { ...untold, status: "LEFT", inView: false }),
  ]);
  const { members } = toldByMembers([], { ring, of: ({ sinks }) => sinks });
  assert.deepEqual(members?.map(({ name, why }) => [name, why]), [
    ["a", undefined],
    ["down", "No link"],
    ["joining", "No link"],
  ]);
});
