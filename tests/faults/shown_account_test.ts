import assert from "node:assert/strict";
import { ShownAccount, type ShownTotals } from "./shown_account.ts";

type Pages = Record<string, Record<string, number>[]>;

/** The totals of rounds of a second each, in which both clusters are due. */
function totals(...rounds: Pages[]): ShownTotals {
  const account = new ShownAccount(0);
  rounds.forEach((pages, index) => {
    const maps = Object.entries(pages).map(([server, ofServer]) =>
      [server, ofServer.map((page) => new Map(Object.entries(page)))] as const
    );
    account.add({ atMs: 1_000 * (index + 1), due: ["x", "y"], pages: new Map(maps) });
  });
  return account.totals;
}

const NONE: ShownTotals = {
  twiceSeconds: 0,
  surelyTwiceSeconds: 0,
  missingSeconds: 0,
  longestGapSeconds: 0,
  missed: 0,
  wentBack: 0,
};

for (
  const [what, rounds, expected] of [
    ["nothing where each cluster is on one page", [{ a: [{ x: 1, y: 1 }] }, { a: [{ x: 2 }], b: [{ y: 2 }] }], {}],
    ["who shows nothing at all", [{}, { a: [] }, { a: [{ x: 1, y: 1 }] }], {
      missingSeconds: 4,
      longestGapSeconds: 2,
      missed: 2,
    }],
    [
      "the longest of several gaps",
      [{ a: [{ x: 1 }] }, { a: [{ x: 1, y: 1 }] }, { a: [{ x: 1 }] }, { a: [{ x: 1 }] }],
      {
        missingSeconds: 3,
        longestGapSeconds: 2,
        missed: 1,
      },
    ],
    ["a cluster that moves within a round as one that may be on two", [
      { a: [{ x: 1, y: 1 }] },
      { a: [{ x: 1, y: 1 }], b: [{ x: 1 }] },
      { a: [{ y: 1 }], b: [{ x: 1 }] },
    ], { twiceSeconds: 1 }],
    ["a cluster that is on two pages in two rounds as surely on two", [
      { a: [{ x: 1, y: 1 }], b: [{ x: 1 }] },
      { a: [{ x: 1, y: 1 }], b: [{ x: 1 }] },
    ], { twiceSeconds: 2, surelyTwiceSeconds: 1 }],
    ["several pages of one server in a round as one", [{ a: [{ x: 1, y: 1 }, { x: 2, y: 1 }] }], {}],
    ["what goes back, on whichever page", [{ a: [{ x: 2, y: 2 }] }, { a: [{ y: 1 }], b: [{ x: 1 }] }], { wentBack: 2 }],
  ] as [string, Pages[], Partial<ShownTotals>][]
) {
  Deno.test(`ShownAccount counts ${what}`, () => assert.deepEqual(totals(...rounds), { ...NONE, ...expected }));
}
