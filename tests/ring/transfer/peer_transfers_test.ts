/** What is on its way to one member. */

import assert from "node:assert/strict";
import { PeerTransfers } from "../../../ring/transfer/peer_transfers.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("PeerTransfers.owe() offers what is not on its way already", () => {
  const toPeer = new PeerTransfers("b");
  toPeer.urgent.add("c1");
  toPeer.wanted.add("c2");
  for (const id of ["c1", "c2", "c3"]) toPeer.owe(id);
  assert.deepEqual([[...toPeer.owed], [...toPeer.toOffer]], [["c1", "c2", "c3"], ["c3"]]);
  assert.deepEqual([toPeer.isClear, toPeer.isIdle], [false, false]);
});

Deno.test("PeerTransfers.settle() takes an entry out of everything", () => {
  const toPeer = new PeerTransfers("b");
  toPeer.owe("c1");
  toPeer.urgent.add("c1");
  toPeer.wanted.add("c1");
  toPeer.settle("c1");
  assert.deepEqual([toPeer.owed, toPeer.toOffer, toPeer.urgent, toPeer.wanted].map(({ size }) => size), [0, 0, 0, 0]);
  assert.deepEqual([toPeer.isClear, toPeer.isIdle], [true, true]);
});

Deno.test("PeerTransfers.clear() forgets what was owed and offered, but not what is under way, nor who waits for it", () => {
  const toPeer = new PeerTransfers("b");
  const version = { epoch: 1, ms: 1, ingress: "a", sequence: 1 };
  toPeer.owe("c1");
  toPeer.offer = { request: 1, versions: new Map([["c1", version]]), deadline: 9 };
  toPeer.underWay.set(2, { id: "c2", version, deadline: 9 });
  toPeer.pulls.add(3);
  toPeer.clear();
  assert.deepEqual([toPeer.isClear, toPeer.isIdle, toPeer.offer], [true, false, undefined]);
  assert.deepEqual([toPeer.underWay.size, toPeer.pulls.size], [1, 1]);
});
