/** Who takes which pushes, and what is answered. */

import assert from "node:assert/strict";
import type { CommitResult, Effect } from "../../../ring/protocol/effects.ts";
import { MAX_AHEAD_MS } from "../../../ring/protocol/headroom.ts";
import { RingView } from "../../../ring/placement/view.ts";
import type { Role } from "../../../ring/protocol/messages.ts";
import { EntryTable } from "../../../ring/replication/entry_table.ts";
import { CommitSerializer } from "../../../ring/replication/commit_serializer.ts";
import { type Answer, BUSY_RETRY_MS, PutHandler } from "../../../ring/replication/put_handler.ts";
import { keyHash } from "../../../ring/placement/rendezvous.ts";
import { ringContext } from "../../support/ring_context.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const CLOCK = { now: 0, wall: 1_000_000 };
const VIEW = RingView.of(["a", "b", "c"].map((name) => row(name)));
/** A cluster for which `a` is the role. */
const idFor = (fits: (owner: string, standby: string) => boolean) => {
  for (let i = 0;; i++) {
    const { owner, standby } = VIEW.place(keyHash(`c${i}`))!;
    if (fits(owner, standby!)) return `c${i}`;
  }
};
const OWNED = idFor((owner) => owner === "a");
const STANDING_BY = idFor((owner, standby) => owner === "b" && standby === "a");
const FOREIGN = idFor((owner, standby) => owner === "b" && standby === "c");

/** A put handler of `a`, whose answers and stored pushes are kept. */
function open({ pendingBytes = 1_000, fenced = false, view = VIEW } = {}) {
  const table = new EntryTable({ ttlMs: 60_000, view });
  const context = ringContext({ limits: { pendingBytes, pushBytes: 100 }, view: () => view, isFenced: () => fenced });
  const commits = context.effects as Extract<Effect, { do: "commit" }>[];
  const log: string[] = [];
  const answers: Answer[] = [];
  const serializer = new CommitSerializer(context, { table });
  const putHandler = new PutHandler(context, { serializer, onStored: ({ id }) => log.push(`stored ${id}`) });
  const take = (id: string, { role = "owner" as Role, ms = 1_000_000, bytes = 10 } = {}) =>
    putHandler.take({ id, role, version: { ms, ingress: "b", sequence: 1 }, bytes: new Uint8Array(bytes) }, {
      clock: CLOCK,
      done: (answer) => {
        log.push(`answered ${answer.type}`);
        answers.push(answer);
      },
    });
  const commit = (result: CommitResult) => {
    const { token, role, fresh } = commits.shift()!;
    serializer.committed(token, { result, clock: CLOCK });
    return { role, fresh };
  };
  return { take, commit, answers, log, commits };
}

for (
  const [what, id, role, becomes] of [
    ["what it owns, as owner", OWNED, "owner", "owner"],
    ["what it owns, though taken for the standby", OWNED, "standby", "owner"],
    ["what it stands by for, as standby", STANDING_BY, "standby", "standby"],
  ] as const
) {
  Deno.test(`PutHandler takes ${what}, and answers once that is durable and known`, () => {
    const { take, commit, answers, log } = open();
    take(id, { role });
    assert.deepEqual(log, []);
    assert.deepEqual(commit({ ok: true }), { role: becomes, fresh: true });
    assert.deepEqual(answers, [{ type: "PUT_OK", result: "stored", role: becomes }]);
    assert.deepEqual(log, [`stored ${id}`, "answered PUT_OK"]);
    take(id, { role });
    take(id, { role, ms: 999_000 });
    assert.deepEqual(answers.slice(1), [
      { type: "PUT_OK", result: "dup", role: becomes },
      { type: "PUT_OK", result: "stale", role: becomes },
    ]);
  });
}

for (
  const [what, id, options, push, answer] of [
    ["what belongs to another, as owner", STANDING_BY, {}, {}, { code: "NOT_OWNER", owner: "b" }],
    ["what it has no part in", FOREIGN, {}, { role: "standby" }, { code: "NOT_OWNER", owner: "b" }],
    ["anything in an empty view", OWNED, { view: new RingView([]) }, {}, { code: "NOT_OWNER", owner: undefined }],
    ["what is too big", OWNED, {}, { bytes: 101 }, { code: "TOO_BIG" }],
    ["anything behind the fence", OWNED, { fenced: true }, {}, { code: "FENCED" }],
  ] as const
) {
  Deno.test(`PutHandler refuses ${what}, and stores nothing`, () => {
    const { take, answers, commits } = open(options);
    take(id, push);
    assert.deepEqual([answers, commits], [[{ type: "NACK", ...answer }], []]);
  });
}

for (
  const [result, answer] of [
    [{ ok: false }, { code: "STORE_FAILED" }],
    [{ ok: false, refused: { reason: "r", detail: "d" } }, { code: "REFUSED", reason: "r", detail: "d" }],
  ] as [CommitResult, object][]
) {
  Deno.test(`PutHandler never acknowledges what was not committed: ${JSON.stringify(result)}`, () => {
    const { take, commit, answers, log } = open();
    take(OWNED);
    commit(result);
    assert.deepEqual(answers, [{ type: "NACK", ...answer }]);
    assert.deepEqual(log, ["answered NACK"]);
  });
}

Deno.test("PutHandler takes nothing that no push could be newer than, as it takes no copy of it", () => {
  const { take, answers, commits } = open();
  take(OWNED, { ms: CLOCK.wall + MAX_AHEAD_MS + 1 });
  assert.deepEqual(answers, [{ type: "NACK", code: "STORE_FAILED" }]);
  assert.deepEqual(commits as Effect[], [{ do: "unread", type: "PUT" }]);
  take(OWNED, { ms: CLOCK.wall + MAX_AHEAD_MS });
  assert.equal(commits.at(-1)!.do, "commit");
});

Deno.test("PutHandler is busy when the store is behind", () => {
  const { take, answers } = open({ pendingBytes: 15 });
  take(OWNED);
  take(OWNED);
  assert.deepEqual(answers, [{ type: "NACK", code: "BUSY", retryMs: BUSY_RETRY_MS }]);
});
