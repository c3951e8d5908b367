/** What a member takes of what others bring. */

import assert from "node:assert/strict";
import type { CommitResult, Effect } from "../../../ring/protocol/effects.ts";
import { CopyReceiver } from "../../../ring/transfer/copy_receiver.ts";
import type { Member } from "../../../ring/protocol/member.ts";
import { RingView } from "../../../ring/placement/view.ts";
import { type Message, readMessage } from "../../../ring/protocol/messages.ts";
import { EntryTable } from "../../../ring/replication/entry_table.ts";
import { CommitSerializer } from "../../../ring/replication/commit_serializer.ts";
import { BUSY_RETRY_MS } from "../../../ring/replication/put_handler.ts";
import { keyHash } from "../../../ring/placement/rendezvous.ts";
import { isBelievedTime, MAX_AHEAD_MS } from "../../../ring/protocol/headroom.ts";
import { MAX_TIME_MS } from "../../../ring/protocol/message_fields.ts";
import { nextVersion } from "../../../ring/protocol/push_version.ts";
import { ringContext } from "../../support/ring_context.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const TTL_MS = 60_000;
const CLOCK = { now: 1_000_000, wall: 5_000_000 };
const view = (...names: string[]) => RingView.of(names.map((name) => row(name)));
const VIEW = view("a", "b", "c");
const VERSION = { epoch: 1, ms: 7, ingress: "b", sequence: 1 };

/** A cluster that is at these two by a view, and at those two by another. */
function idFor(
  wanted: string,
  { by = VIEW, then = "", later = by }: { by?: RingView; then?: string; later?: RingView } = {},
) {
  for (let i = 0; i < 10_000; i++) {
    const now = by.place(keyHash(`c${i}`))!, next = later.place(keyHash(`c${i}`))!;
    if (`${now.owner}${now.standby}`.startsWith(wanted) && `${next.owner}${next.standby}`.startsWith(then)) {
      return `c${i}`;
    }
  }
  throw new Error(`No cluster is at ${wanted}, then ${then}`);
}

/** The copy receiver of a member, and what it sends. */
function open(
  { self = row("a"), by = VIEW, pendingBytes = 100 }: { self?: Member; by?: RingView; pendingBytes?: number } = {},
) {
  const table = new EntryTable({ ttlMs: TTL_MS, view: by });
  const sent: Message[] = [];
  const commits: Extract<Effect, { do: "commit" }>[] = [];
  const stored: string[] = [];
  const unread: string[] = [];
  const emit = (effect: Effect) => {
    if (effect.do === "commit") commits.push(effect);
    else if (effect.do === "send") sent.push(readMessage(effect.message));
    else if (effect.do === "unread") unread.push(effect.type);
  };
  const context = ringContext({
    name: self.name,
    ttlMs: TTL_MS,
    limits: { pushBytes: 50, pendingBytes },
    view: () => by,
    self: () => self,
    emit,
  });
  const serializer = new CommitSerializer(context, { table });
  const copyReceiver = new CopyReceiver(context, {
    table,
    serializer,
    onStored: ({ id }, { from }) => stored.push(`${id} from ${from}`),
  });
  const copy = (id: string, { from = "b", ageMs = 0, bytes = 10, ms = 7, pushed = false, view = "any" } = {}) =>
    copyReceiver.copied(
      from,
      {
        type: "COPY",
        request: 3,
        id,
        version: { ...VERSION, ms },
        view,
        ageMs,
        pushed,
        bytes: new Uint8Array(bytes),
      },
      CLOCK,
    );
  const commit = (result: CommitResult) => {
    const commit = commits.shift()!;
    serializer.committed(commit.token, { result, clock: CLOCK });
    return commit;
  };
  return { copyReceiver, table, sent, commits, stored, unread, copy, commit };
}

for (const [wanted, role] of [["a", "owner"], ["ba", "standby"]] as const) {
  Deno.test(`CopyReceiver takes a copy as ${role}, with its age, and says so once it is durable`, () => {
    const { copy, commit, sent, stored, table } = open();
    const id = idFor(wanted);
    copy(id, { ageMs: 5_000 });
    assert.deepEqual([sent, stored], [[], []]);
    const { entry, fresh, ...rest } = commit({ ok: true });
    assert.deepEqual([rest.role, fresh, entry.receivedAtMs], [role, false, CLOCK.wall - 5_000]);
    assert.deepEqual(sent, [{ type: "COPY_OK", request: 3 }]);
    assert.deepEqual(stored, [`${id} from b`]);
    assert.equal(table.restMs(table.get(id, CLOCK.now)!, CLOCK.now), TTL_MS - 5_000);
    copy(id);
    copy(id, { ms: 6 });
    assert.deepEqual(sent.slice(1), [{ type: "COPY_OK", request: 3 }, { type: "COPY_OK", request: 3 }]);
  });
}

Deno.test("CopyReceiver takes what will be its own once the sender has left", () => {
  const four = view("a", "b", "c", "d");
  const id = idFor("bc", { by: four, then: "ca", later: four.without("b") });
  const { copy, commits, sent } = open({ by: four });
  copy(id, { from: "b" });
  assert.deepEqual([commits.length, commits[0].role], [1, "standby"]);
  copy(id, { from: "d" });
  assert.deepEqual([commits.length, sent], [1, [{ type: "NACK", request: 3, code: "NOT_OWNER" }]]);
});

Deno.test("CopyReceiver takes what will be its own once it has joined, and nothing else", () => {
  const before = view("b", "c", "d");
  const self = row("a", { phase: "JOINING" });
  const { copy, commits, sent } = open({ self, by: before });
  copy(idFor("b", { by: before, then: "a", later: before.with(self) }));
  assert.deepEqual([commits.length, commits[0].role], [1, "owner"]);
  copy(idFor("cd", { by: before, then: "cd", later: before.with(self) }));
  assert.deepEqual([commits.length, sent], [1, [{ type: "NACK", request: 3, code: "NOT_OWNER" }]]);
});

Deno.test("CopyReceiver takes nothing, and wants nothing, that no push could be newer than", () => {
  const { copy, commits, sent, copyReceiver, unread } = open();
  const latestMs = CLOCK.wall + MAX_AHEAD_MS, [id] = [idFor("a")];
  for (const ms of [latestMs + 1, MAX_TIME_MS]) copy(id, { ms });
  assert.deepEqual([commits, unread], [[], ["COPY", "COPY"]]);
  const holdings = [latestMs + 1, latestMs].map((ms) => ({ id: `c${ms}`, version: { ...VERSION, ms } }));
  sent.length = 0;
  copyReceiver.offered("b", { type: "OFFER", request: 4, view: VIEW.digest, holdings }, CLOCK);
  assert.deepEqual(sent, [{ type: "WANT", request: 4, ids: [`c${latestMs}`] }]);
  copy(id, { ms: latestMs });
  assert.equal(commits.length, 1);
  const next = nextVersion(VERSION, { held: { ...VERSION, ms: latestMs }, epoch: 1, wallMs: CLOCK.wall });
  assert.ok(isBelievedTime(next.ms, CLOCK.wall + 1), "and what comes next is believed a moment later");
});

Deno.test("CopyReceiver needs no copy of what is expired", () => {
  const { copy, commits, sent } = open();
  copy(idFor("a"), { ageMs: TTL_MS });
  assert.deepEqual([commits, sent], [[], [{ type: "COPY_OK", request: 3 }]]);
});

for (
  const [what, result, answer] of [
    ["the store fails", { ok: false }, { type: "NACK", request: 3, code: "STORE_FAILED", retryMs: BUSY_RETRY_MS }],
    ["nobody would take it", { ok: false, refused: { reason: "r", detail: "d" } }, { type: "COPY_OK", request: 3 }],
  ] as [string, CommitResult, Message][]
) {
  Deno.test(`CopyReceiver answers ${answer.type} when ${what}, and holds nothing`, () => {
    const { copy, commit, sent, stored } = open();
    copy(idFor("a"));
    commit(result);
    assert.deepEqual([sent, stored], [[answer], []]);
  });
}

Deno.test("CopyReceiver has bounds: the size of a copy, and what waits for the store", () => {
  const { copy, sent } = open({ pendingBytes: 50 });
  copy(idFor("a"), { bytes: 51 });
  copy(idFor("ab"), { bytes: 50 });
  copy(idFor("ba"), { bytes: 1 });
  assert.deepEqual(sent, [
    { type: "NACK", request: 3, code: "TOO_BIG" },
    { type: "NACK", request: 3, code: "BUSY", retryMs: BUSY_RETRY_MS },
  ]);
});

Deno.test("CopyReceiver keeps a push for its owner, whoever stands by, if both have one view", () => {
  const { copy, commits, sent } = open();
  const [standsBy, isSpare, isOwn] = [idFor("ba"), idFor("bc"), idFor("a")];
  for (const id of [standsBy, isSpare]) copy(id, { pushed: true, view: VIEW.digest });
  assert.deepEqual(commits.map(({ role, entry: { id } }) => [id, role]), [[standsBy, "standby"], [isSpare, "standby"]]);
  assert.deepEqual(sent, []);
  copy(standsBy, { pushed: true, view: "another" });
  copy(standsBy, { pushed: true, view: VIEW.digest, from: "c" });
  copy(isOwn, { pushed: true, view: VIEW.digest });
  const refused = { type: "NACK", request: 3, code: "NOT_OWNER" };
  assert.deepEqual([commits.length, sent], [2, [refused, refused, refused]]);
});

Deno.test("CopyReceiver never says that it keeps a push that it does not", () => {
  const { copy, commit, sent } = open();
  const how = { pushed: true, view: VIEW.digest };
  copy(idFor("ba"), how);
  commit({ ok: false, refused: { reason: "r", detail: "d" } });
  copy(idFor("ba"), { ...how, ms: CLOCK.wall + MAX_AHEAD_MS + 1 });
  assert.deepEqual(sent.map((message) => message.type === "NACK" && message.code), ["REFUSED", "REFUSED"]);
});

Deno.test("CopyReceiver wants of an offer what it lacks or has older", () => {
  const { copyReceiver, table, sent } = open();
  const hold = (id: string, ms: number) =>
    table.set({ id, version: { ...VERSION, ms }, receivedAtMs: CLOCK.wall, size: 1 }, CLOCK);
  hold("same", 7);
  hold("older", 6);
  hold("newer", 8);
  const offered = ["same", "older", "newer", "unknown"].map((id) => ({ id, version: VERSION }));
  copyReceiver.offered("b", { type: "OFFER", request: 5, view: VIEW.digest, holdings: offered }, CLOCK);
  copyReceiver.offered("b", { type: "OFFER", request: 6, view: "other", holdings: offered }, CLOCK);
  assert.deepEqual(sent, [
    { type: "WANT", request: 5, ids: ["older", "unknown"] },
    { type: "NACK", request: 6, code: "NOT_OWNER" },
  ]);
});
