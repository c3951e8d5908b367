import assert from "node:assert/strict";
import { Random } from "../support/random.ts";
import { Agenda } from "./agenda.ts";

Deno.test("Agenda.step() runs tasks by time, those of one time in the order in which they came, and later ones that they add", () => {
  const random = new Random(1);
  const agenda = new Agenda();
  const ran: [number, number][] = [];
  let added = 0;
  const add = (depth: number) => {
    const order = added++;
    agenda.after(random.below(20), () => {
      ran.push([agenda.now, order]);
      if (depth > 0) { for (let i = 0; i < 3; i++) add(depth - 1); }
    });
  };
  for (let i = 0; i < 50; i++) add(3);
  while (agenda.step());
  assert.equal(ran.length, added);
  assert.deepEqual(ran, ran.toSorted(([a, first], [b, second]) => a - b || first - second));
});
