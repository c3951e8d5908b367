import assert from "node:assert/strict";
import { plainText } from "../../../common/plain_text.ts";
import { UnansweredError } from "../../../ring/transport/questions.ts";
import type { MemberReport } from "../../../server/ring/member_report.ts";
import { packAnswer } from "../../../server/ring/ask_members.ts";
import { ringOverview } from "../../../server/ring/ring_overview.ts";

const ROW = { status: "ALIVE", phase: "ACTIVE", isWitness: false, incarnation: 1, linked: true, heardMsAgo: 1_000 };
const MEMBERS = ["a", "b", "c"].map((name) => ({ name, address: `${name}:1`, host: name, ...ROW }));

/** What a member says that has a view. */
const reportOf = (name: string) =>
  ({
    name,
    carriesOnAlone: false,
    view: { digest: "v", confirmedBy: [], members: ["a", "b"], witnesses: [] },
    members: MEMBERS,
    clusters: { owned: 1, standby: 2, foreign: 3 },
    transfers: { owed: 0, copies: 0 },
    seeds: [],
    transitions: [],
  }) as unknown as MemberReport;

/** How `a` sees a ring in which `b` answers as it should, and `c` with this. */
const overviewWith = (answer: unknown) =>
  ringOverview({
    name: "a",
    status: () => ({ members: MEMBERS }) as never,
    ask: (to) => {
      if (answer instanceof Error && to === "c") return Promise.reject(answer);
      return Promise.resolve(packAnswer(to === "b" ? reportOf("b") : answer));
    },
  }, reportOf("a"));

Deno.test("ringOverview() puts together what each member says of itself", async () => {
  const { agrees, members } = await overviewWith({ ...reportOf("c"), view: { ...reportOf("c").view, digest: "w" } });
  assert.deepEqual([agrees, members.map(({ digest, why }) => [digest, why])], [
    false,
    [["v", undefined], ["v", undefined], ["w", undefined]],
  ]);
});

Deno.test("ringOverview() tells which members are in the view of the server that is asked", async () => {
  const { members } = await overviewWith(reportOf("c"));
  assert.deepEqual(members.map(({ inView }) => inView), [true, true, false]);
});

Deno.test("ringOverview() names a member that does not answer", async () => {
  const { agrees, members } = await overviewWith(new UnansweredError("There is no link to it"));
  assert.deepEqual([agrees, members[2].why, members[2].digest], [true, "There is no link to it", undefined]);
});

Deno.test("ringOverview() says for whom each member waits that shows nothing, and to whom it has what left to hand over", async () => {
  const { members } = await overviewWith({
    ...reportOf("c"),
    closed: { reason: "unsettled", message: "The other members have not confirmed the view yet" },
    waitsFor: [{ member: "a\u0007", why: "owes" }, { member: "b", why: "nonsense" }, null],
    transfers: { owed: 3, copies: 0, owedTo: { b: 3, d: "nonsense" } },
  });
  assert.deepEqual(members.map(({ closed, waitsFor, transfers }) => [closed, waitsFor, transfers]), [
    [undefined, undefined, { owed: 0, copies: 0 }],
    [undefined, undefined, { owed: 0, copies: 0 }],
    [
      "The other members have not confirmed the view yet",
      `${plainText("a\u0007")}, which has clusters left to hand over`,
      { owed: 3, copies: 0, owedTo: { b: 3 } },
    ],
  ]);
});

const { view: _view, ...viewless } = reportOf("c");
for (const answer of [null, "nonsense", [], viewless, { ...reportOf("c"), closed: null }]) {
  Deno.test(`ringOverview() shows the others where a member answers with ${JSON.stringify(answer).slice(0, 30)}`, async () => {
    const { agrees, members } = await overviewWith(answer);
    const why = "Its answer cannot be read: run the same version on all servers of the ring";
    assert.deepEqual([agrees, members.map((member) => member.why)], [true, [undefined, undefined, why]]);
  });
}
