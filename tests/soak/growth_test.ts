/** What counts as growth, and that a leak does: in figures, and in a real server. */

import assert from "node:assert/strict";
import { Pusher } from "../faults/pusher.ts";
import { RingServers } from "../faults/ring_servers.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { Random } from "../support/random.ts";
import { faultsOfGrowth, growthOf, median } from "./growth.ts";
import { Inspectors } from "../support/inspector.ts";
import { weigh, type Weighing } from "./weighing.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const MIB = 1_048_576;

/** Weighings of a server whose memory is that of its garbage and of what the allocator keeps, which come and go. */
function weighings(count: number, { heapBytes = 0, externalBytes = 0, nativeBytes = 0 } = {}): Weighing[] {
  const random = new Random(7);
  return Array.from({ length: count }, (_, i) => ({
    atMs: 50_000 * i,
    heapBytes: 30 * MIB + random.below(2 * MIB) + i * heapBytes,
    externalBytes: 5 * MIB + (random.chance(0.4) ? random.below(25 * MIB) : 0) + i * externalBytes,
    residentBytes: 200 * MIB + random.below(40 * MIB) + i * (heapBytes + externalBytes + nativeBytes),
  }));
}

Deno.test("median() is the middle one, or halfway between the two in the middle", () => {
  assert.deepEqual([median([5, 1, 9, 3, 4]), median([1, 2, 4, 9]), median([7])], [4, 3, 7]);
});

Deno.test("growthOf() is the line that most weighings lie on", () => {
  const none = { externalBytes: 0, residentBytes: 0 };
  const line = Array.from({ length: 9 }, (_, i) => ({ ...none, atMs: 10 * i, heapBytes: 100 + 5 * i }));
  const astray = line.map((weighing, i) => ({ ...weighing, heapBytes: i % 4 === 3 ? 9_999 : weighing.heapBytes }));
  assert.deepEqual(growthOf(astray, "heapBytes"), { from: 100, to: 140 });
});

Deno.test("faultsOfGrowth() finds none in memory that comes and goes", () => {
  assert.deepEqual(faultsOfGrowth(weighings(24), { pushes: 24_000, newcomers: 0 }), []);
});

for (
  const { what, leak, finds } of [
    {
      what: "objects",
      leak: { heapBytes: MIB },
      finds: /^the memory of objects grew from 3\d to 5\d MiB, with 24000 pushes /,
    },
    { what: "buffers", leak: { externalBytes: MIB }, finds: /^the memory of buffers grew from / },
    {
      what: "pages outside of JavaScript",
      leak: { nativeBytes: 3 * MIB },
      finds: /^the memory of the process grew from 2\d\d to 2\d\d MiB/,
    },
  ]
) {
  Deno.test(`faultsOfGrowth() finds ${what} that stay of each push`, () => {
    const faults = faultsOfGrowth(weighings(24, leak), { pushes: 24_000, newcomers: 0 });
    assert.match(faults[0], finds);
    // What stays of JavaScript is in the process as well.
    for (const other of faults.slice(1)) assert.match(other, /^the memory of the process grew from /);
  });
}

Deno.test("faultsOfGrowth() leaves to each new cluster what is remembered of it", () => {
  const grown = weighings(24, { heapBytes: 0.25 * MIB });
  assert.notDeepEqual(faultsOfGrowth(grown, { pushes: 0, newcomers: 0 }), []);
  assert.deepEqual(faultsOfGrowth(grown, { pushes: 0, newcomers: 4_000 }), []);
});

Deno.test("faultsOfGrowth() tells nothing from few weighings", () => {
  assert.deepEqual(faultsOfGrowth(weighings(7, { heapBytes: 9 * MIB }), { pushes: 1, newcomers: 0 }), []);
});

for (
  const { what, preload, finds } of [
    { what: "none in a real server that takes pushes", finds: [] },
    { what: "a KiB of each push in a real server", preload: "leak.ts", finds: [/^the memory of objects grew/] },
  ]
) {
  Deno.test(`faultsOfGrowth() finds ${what}`, async () => {
    const inspectors = new Inspectors();
    await using ring = await RingServers.create({
      names: ["server"],
      command: (name, flags) => {
        const { args: [run, ...args], ...command } = inspectors.inspected(name, taskCommand("server", flags));
        const before = preload === undefined ? [] : [`--preload=${new URL(preload, import.meta.url).pathname}`];
        return { ...command, args: [run, ...before, ...args] };
      },
    });
    await ring.start();
    const { servers: [server] } = ring;
    const clusters = 1_000, plan = { clusters, pushesPerSecond: 1, servers: [server.external] };
    const pusher = new Pusher({ ...plan, token: (id) => ring.token(id) });
    const weighings: Weighing[] = [];
    for (let i = 0; i < 9; i++) {
      await pusher.pushAll();
      if (i > 0) weighings.push(await weigh(server, inspectors));
    }
    const faults = faultsOfGrowth(weighings, { pushes: 7 * clusters, newcomers: 0 });
    assert.equal(faults.length, finds.length, faults.join());
    finds.forEach((pattern, index) => assert.match(faults[index], pattern));
  });
}
