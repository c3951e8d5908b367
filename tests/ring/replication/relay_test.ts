/** How a push gets past one link that is cut. */

import assert from "node:assert/strict";
import { IDS, ringOf } from "../../support/ring_of_machines.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** The link between two of three is cut; returns an id of which one of them is the owner, and the other its ingress. */
function withCutLink({ cut = ["a", "b"] }: { cut?: readonly string[] } = {}) {
  const { world, members: [a, b, c] } = ringOf("abc");
  const id = IDS.find((id) => a.machine.place(id)!.owner === "b")!;
  const puts: string[] = [];
  world.onSend = (from, to, { type, header }) =>
    void (/^PUT$|^PUT_OK$|^NACK$/.test(type) && puts.push([from, to, type, header.to ?? header.code ?? ""].join(" ")));
  world.gets = (from, to) => !(cut[0] === from && cut[1] === to) && !(cut[0] === to && cut[1] === from);
  world.run(5_000);
  return { world, a, b, c, id, puts };
}

Deno.test("RingMachine: a push gets past one link that is cut, through whoever has vouched for the owner, in one outcome", () => {
  const { world, a, b, id, puts } = withCutLink();
  const token = world.push(a, id, "one");
  world.run(50);
  assert.deepEqual(a.outcomes.get(token), { result: "stored" });
  assert.deepEqual(puts, ["a c PUT b", "c b PUT ", "b c PUT_OK ", "c a PUT_OK "]);
  assert.deepEqual(world.shownBy(id), ["b one"]);
  assert.equal(b.machine.membership.view.size, 3, "nobody is suspected");
});

Deno.test("RingMachine: a push that nobody can bring to its owner is passed on at most once, and its client told", () => {
  const { world, a, id, puts } = withCutLink();
  // By now the owner is out of reach for the other one as well, which does not know yet.
  world.gets = (from, to) => ![from, to].includes("b");
  const token = world.push(a, id, "one");
  world.run(10_000);
  assert.equal(a.outcomes.get(token)?.result, "rejected");
  assert.deepEqual(puts.filter((put) => / PUT /.test(put)), ["a c PUT b", "c b PUT "]);
});

Deno.test("RingMachine: a push is passed on to no member that has no link either, and never to oneself or a stranger", () => {
  const { world, a, c, puts } = withCutLink({ cut: ["a", "c"] });
  const header = { id: IDS[0], origin: ["c", 1], view: c.machine.membership.view.digest, hops: 1 };
  const pass = (to: string) => {
    const link = a.links.get("b")!;
    world.handle(a, {
      type: "message",
      link,
      message: { type: "PUT", request: 9, header: { ...header, to }, body: new Uint8Array() },
    });
    world.run(5);
  };
  for (const to of ["c", "d"]) pass(to);
  assert.deepEqual(puts, ["a b NACK NO_WAY", "a b NACK NO_WAY"]);
});
