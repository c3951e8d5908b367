/** Who takes which pushes, and what is answered. */

import assert from "node:assert/strict";
import type { CommitResult, Effect } from "../../../ring/protocol/effects.ts";
import { RingView } from "../../../ring/placement/view.ts";
import { type MessageOf, readMessage } from "../../../ring/protocol/messages.ts";
import { EntryTable } from "../../../ring/replication/entry_table.ts";
import { CommitSerializer } from "../../../ring/replication/commit_serializer.ts";
import { COPIES_MS, NEXT_KEEPER_MS, PushCopies } from "../../../ring/replication/push_copies.ts";
import { type Answer, BUSY_RETRY_MS, MAX_WAY_MS, PutHandler } from "../../../ring/replication/put_handler.ts";
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
function open({ pendingBytes = 1_000, fenced = false, view = VIEW, copies = 2 } = {}) {
  const table = new EntryTable({ ttlMs: 60_000, view });
  const clock = { ...CLOCK };
  const context = ringContext({
    copies,
    limits: { pendingBytes, pushBytes: 100 },
    view: () => view,
    isFenced: () => fenced,
  });
  const log: string[] = [];
  const answers: Answer[] = [];
  const serializer = new CommitSerializer(context, { table });
  const pushCopies = new PushCopies(context);
  const putHandler = new PutHandler(context, {
    table,
    serializer,
    copies: pushCopies,
    onStored: (held) => {
      held.isCopied = pushCopies.needed <= 0;
      log.push(`stored ${held.id}`);
    },
    onSought: (held, { kept: { isEnough, by } }) => {
      held.isCopied ||= isEnough;
      log.push(`${isEnough ? "kept" : "not kept"} by ${[...by].join()}`);
    },
  });
  const effects = <D extends Effect["do"]>(what: D) =>
    context.effects.filter((effect) => effect.do === what) as Extract<Effect, { do: D }>[];
  const take = (id: string, { sequence = 5, heardAt, bytes = 10 }: Partial<Push> = {}) =>
    putHandler.take({ id, origin: { ingress: "b", sequence }, heardAt, bytes: new Uint8Array(bytes) }, {
      clock,
      done: (answer) => {
        log.push(`answered ${answer.type}`);
        answers.push(answer);
      },
    });
  const pending = () => context.effects.find((effect) => effect.do === "commit") as Extract<Effect, { do: "commit" }>;
  return {
    take,
    clock,
    check: () => serializer.checked(pending().token, clock),
    commit: (result: CommitResult) => {
      const commit = pending();
      context.effects.splice(context.effects.indexOf(commit), 1);
      serializer.committed(commit.token, { result, clock });
      return { role: commit.role, fresh: commit.fresh };
    },
    /** Who was asked for a copy, latest last. */
    asked: () => effects("send").map(({ to, message }) => ({ to, copy: readMessage(message) as MessageOf<"COPY"> })),
    answerCopy: (from: string, type: "COPY_OK" | "NACK") => {
      const { copy: { request } } = effects("send").map(({ to, message }) => ({ to, copy: readMessage(message) }))
        .findLast(({ to }) => to === from)!;
      const answer = type === "NACK" ? { type, request, code: "STORE_FAILED" as const } : { type, request };
      return pushCopies.answered(from, answer, clock);
    },
    pass: (ms: number) => {
      clock.now += ms;
      pushCopies.tick(clock);
    },
    answers,
    log,
    commits: () => effects("commit"),
  };
}

interface Push {
  readonly sequence: number;
  readonly heardAt: number;
  readonly bytes: number;
}

const { standby: STANDBY } = VIEW.place(keyHash(OWNED))!;
const [, NEXT] = VIEW.successors(keyHash(OWNED));

Deno.test("PutHandler takes what it owns, and answers once that is durable here and there, and known", () => {
  const { take, check, commit, asked, answerCopy, answers, log } = open();
  take(OWNED);
  assert.deepEqual([log, asked()], [[], []], "nobody keeps what was not found good");
  check();
  const [{ to, copy }] = asked();
  assert.deepEqual([to, copy.type, copy.id, copy.pushed, copy.version], [STANDBY, "COPY", OWNED, true, {
    epoch: 1,
    ms: CLOCK.wall,
    ingress: "b",
    sequence: 5,
  }]);
  assert.deepEqual(commit({ ok: true }), { role: "owner", fresh: true });
  assert.deepEqual([log, answers], [[`stored ${OWNED}`], []]);
  assert.ok(answerCopy(STANDBY!, "COPY_OK"));
  assert.deepEqual(answers, [{ type: "PUT_OK", result: "stored" }]);
  assert.deepEqual(log, [`stored ${OWNED}`, `kept by ${STANDBY}`, "answered PUT_OK"]);
  take(OWNED);
  take(OWNED, { sequence: 4 });
  assert.deepEqual(answers.slice(1), [{ type: "PUT_OK", result: "dup" }, { type: "PUT_OK", result: "stale" }]);
});

Deno.test("PutHandler waits for its own commit where the copy is faster", () => {
  const { take, check, commit, answerCopy, answers } = open();
  take(OWNED);
  check();
  answerCopy(STANDBY!, "COPY_OK");
  assert.deepEqual(answers, []);
  commit({ ok: true, remark: "r" });
  assert.deepEqual(answers, [{ type: "PUT_OK", result: "stored", remark: "r" }]);
});

Deno.test("PutHandler waits for nobody where one copy is enough, or nobody else is there", () => {
  for (const world of [open({ copies: 1 }), open({ view: RingView.of([row("a")]) })]) {
    world.take(OWNED);
    world.check();
    world.commit({ ok: true });
    assert.deepEqual([world.answers, world.asked()], [[{ type: "PUT_OK", result: "stored" }], []]);
  }
});

Deno.test("PutHandler asks the next member where the standby refuses, or does not answer soon", () => {
  for (const how of ["refuses", "is silent"]) {
    const { take, check, commit, asked, answerCopy, answers, pass } = open();
    take(OWNED);
    check();
    commit({ ok: true });
    if (how === "refuses") answerCopy(STANDBY!, "NACK");
    else {
      pass(NEXT_KEEPER_MS - 1);
      assert.equal(asked().length, 1);
      pass(1);
    }
    assert.deepEqual(asked().map(({ to }) => to), [STANDBY, NEXT]);
    answerCopy(NEXT, "COPY_OK");
    assert.deepEqual(answers, [{ type: "PUT_OK", result: "stored" }]);
  }
});

Deno.test("PutHandler tells that nobody keeps a copy when time is over, and takes the same push again", () => {
  const { take, check, commit, answerCopy, answers, log, pass } = open();
  take(OWNED);
  check();
  commit({ ok: true });
  pass(COPIES_MS - 1);
  assert.deepEqual(answers, []);
  pass(1);
  const refused = { type: "NACK", code: "NO_COPY", retryMs: BUSY_RETRY_MS };
  assert.deepEqual(answers, [refused]);
  assert.deepEqual(log, [`stored ${OWNED}`, "not kept by ", "answered NACK"]);
  take(OWNED, { sequence: 4 });
  assert.deepEqual(answers[1], refused, "what is newer is not safe either");
  take(OWNED);
  assert.equal(answers.length, 2);
  answerCopy(STANDBY!, "COPY_OK");
  assert.deepEqual(answers[2], { type: "PUT_OK", result: "dup" });
});

Deno.test("PutHandler takes no push that was on its way for longer than its ingress waits", () => {
  const { take, clock, commits, answers } = open();
  clock.now = 10_000;
  take(OWNED, { heardAt: 10_000 - MAX_WAY_MS - 1 });
  assert.deepEqual([answers, commits()], [[{ type: "NACK", code: "LATE" }], []]);
  take(OWNED, { heardAt: 10_000 - MAX_WAY_MS });
  assert.equal(commits().length, 1);
});

for (
  const [what, id, options, push, answer] of [
    ["what it only stands by for", STANDING_BY, {}, {}, { code: "NOT_OWNER", owner: "b" }],
    ["what it has no part in", FOREIGN, {}, {}, { code: "NOT_OWNER", owner: "b" }],
    ["anything in an empty view", OWNED, { view: new RingView([]) }, {}, { code: "NOT_OWNER", owner: undefined }],
    ["what is too big", OWNED, {}, { bytes: 101 }, { code: "TOO_BIG" }],
    ["anything behind the fence", OWNED, { fenced: true }, {}, { code: "FENCED" }],
  ] as const
) {
  Deno.test(`PutHandler refuses ${what}, and stores nothing`, () => {
    const { take, answers, commits } = open(options);
    take(id, push);
    assert.deepEqual([answers, commits()], [[{ type: "NACK", ...answer }], []]);
  });
}

for (
  const [result, answer] of [
    [{ ok: false }, { code: "STORE_FAILED" }],
    [{ ok: false, refused: { reason: "r", detail: "d" } }, { code: "REFUSED", reason: "r", detail: "d" }],
  ] as [CommitResult, object][]
) {
  Deno.test(`PutHandler never acknowledges what was not committed: ${JSON.stringify(result)}`, () => {
    const { take, check, commit, answerCopy, answers, log } = open();
    take(OWNED);
    check();
    commit(result);
    assert.deepEqual(answers, [{ type: "NACK", ...answer }]);
    answerCopy(STANDBY!, "COPY_OK");
    assert.deepEqual(log, ["answered NACK"], "whoever else has it");
  });
}

Deno.test("PutHandler is busy when the store is behind", () => {
  const { take, answers } = open({ pendingBytes: 15 });
  take(OWNED);
  take(OWNED);
  assert.deepEqual(answers, [{ type: "NACK", code: "BUSY", retryMs: BUSY_RETRY_MS }]);
});
