/**
 * A ring of machines that have come to one view, and pushes of its clusters.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type MachineMember, RingMachines } from "./ring_machines.ts";

/** The ids of its clusters. */
export const IDS = Array.from({ length: 40 }, (_, i) => `cluster-${i}`);

/** Members that have come to one view. */
export function ringOf(names: string, options?: ConstructorParameters<typeof RingMachines>[1]) {
  const world = new RingMachines([...names], options);
  const members = [...names].map((name) => world.start(name));
  world.until("one view", () => world.isWhole(names.length));
  return { world, members };
}

/** Pushes every cluster through members in turn. */
export function pushAll(world: RingMachines, { members, text }: { members: readonly MachineMember[]; text: string }) {
  const pushes = IDS.map((id, i) => {
    const ingress = members[i % members.length];
    return { ingress, token: world.push(ingress, id, text) };
  });
  world.run(50);
  return pushes.map(({ ingress, token }) => ingress.outcomes.get(token));
}

/** Of each cluster who shows it: exactly the owner. */
export function assertShown(world: RingMachines, { by, text }: { by: MachineMember; text: string }) {
  for (const id of IDS) assert.deepEqual(world.shownBy(id), [`${by.machine.place(id)!.owner} ${text}`], id);
}

/** A ring that has a push `one` of every cluster, which came through its first member. */
export function ringWithPushes(names: string) {
  const { world, members } = ringOf(names);
  for (const id of IDS) world.push(members[0], id, "one");
  world.run(1_000);
  return { world, members };
}
