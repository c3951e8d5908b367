/** In which order pushes and copies become durable. */

import assert from "node:assert/strict";
import type { Clock, Effect } from "../../../ring/protocol/effects.ts";
import { RingView } from "../../../ring/placement/view.ts";
import { EntryTable } from "../../../ring/replication/entry_table.ts";
import { type Arrival, CommitSerializer, MAX_WAITING } from "../../../ring/replication/commit_serializer.ts";
import type { PushVersion } from "../../../ring/protocol/push_version.ts";
import { ringContext } from "../../support/ring_context.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const WALL = 1_000_000_000;
const CLOCK: Clock = { now: 0, wall: WALL };

/** A serializer, the commits that it asks for, and how arrivals ended. */
function open({ pendingBytes = 100 } = {}) {
  const table = new EntryTable({ ttlMs: 60_000, view: RingView.of([row("a")]) });
  const context = ringContext({ limits: { pendingBytes } });
  const commits = context.effects as Extract<Effect, { do: "commit" }>[];
  const ends: string[] = [];
  const serializer = new CommitSerializer(context, { table });
  const take = (
    ms: number,
    { id = "c", bytes = 10, ...differs }: Partial<Omit<Arrival, "bytes" | "version">> & { bytes?: number } = {},
  ) =>
    serializer.take({
      id,
      version: { epoch: 1, ms: WALL + ms, ingress: "a", sequence: 1 },
      ageMs: 0,
      role: "owner",
      ...differs,
      bytes: new Uint8Array(bytes),
      done: (result) => ends.push(`${ms} ${result.type}`),
    }, CLOCK);
  const answer = (result: Parameters<CommitSerializer["committed"]>[1]["result"]) => {
    const commit = commits.shift()!;
    serializer.committed(commit.token, { result, clock: CLOCK });
    return commit;
  };
  const checked: PushVersion[] = [];
  const push = (sequence: number, ingress = "b") =>
    serializer.take({
      id: "c",
      origin: { ingress, sequence },
      ageMs: 0,
      role: "owner",
      bytes: new Uint8Array(10),
      checked: ({ version }) => checked.push(version),
      done: (result) => ends.push(`${sequence} ${result.type}`),
    }, CLOCK);
  return { serializer, table, commits, ends, checked, take, push, answer };
}

Deno.test("CommitSerializer answers only once the store has committed", () => {
  const { serializer, table, commits, ends, take, answer } = open();
  take(1, { ageMs: 300 });
  assert.deepEqual([ends, commits.length, serializer.pendingBytes], [[], 1, 10]);
  assert.equal(table.get("c", 0), undefined);
  const { entry } = answer({ ok: true });
  assert.deepEqual([ends, serializer.pendingBytes], [["1 stored"], 0]);
  assert.equal(entry.receivedAtMs, WALL - 300);
  assert.equal(table.get("c", 0)?.receivedAt, -300);
});

Deno.test("CommitSerializer commits one entry of a cluster at a time, and then only what is newer", () => {
  const { commits, ends, take, answer } = open();
  take(5);
  take(4);
  take(5);
  take(6);
  take(1, { id: "other" });
  assert.deepEqual(commits.map(({ entry }) => entry.id), ["c", "other"]);
  answer({ ok: true });
  assert.deepEqual(ends, ["5 stored", "4 stale", "5 dup"]);
  assert.equal(commits.length, 2);
  commits.shift();
  answer({ ok: true });
  assert.equal(ends.at(-1), "6 stored");
  take(6);
  assert.equal(ends.at(-1), "6 dup");
});

Deno.test("CommitSerializer tries the next when the one before could not be stored", () => {
  const { serializer, commits, ends, take, answer } = open();
  take(5);
  take(4);
  answer({ ok: false });
  assert.deepEqual([ends, commits.length], [["5 failed"], 1]);
  answer({ ok: false, refused: { reason: "r", detail: "d" } });
  assert.deepEqual([ends, serializer.pendingBytes], [["5 failed", "4 refused"], 0]);
});

Deno.test("CommitSerializer ignores answers that it does not await", () => {
  const { serializer, ends } = open();
  serializer.committed(99, { result: { ok: true }, clock: CLOCK });
  assert.deepEqual(ends, []);
});

Deno.test("CommitSerializer has bounds: bytes in all, and arrivals of one cluster", () => {
  const { serializer, ends, take } = open();
  take(1, { bytes: 90 });
  take(2, { id: "d", bytes: 11 });
  take(3, { id: "d", bytes: 10 });
  assert.deepEqual([ends, serializer.pendingBytes], [["2 busy"], 100]);
  const other = open();
  for (let i = 0; i < MAX_WAITING + 2; i++) other.take(i, { bytes: 1 });
  assert.deepEqual(other.ends, [`${MAX_WAITING + 1} busy`]);
});

Deno.test("CommitSerializer takes what is larger than its bound where nothing else waits", () => {
  const { ends, commits, take } = open({ pendingBytes: 5 });
  take(1, { bytes: 50 });
  take(2, { id: "d", bytes: 1 });
  assert.deepEqual([ends, commits.length], [["2 busy"], 1]);
});

Deno.test("CommitSerializer gives a push the next version of its cluster, and leaves a copy its own", () => {
  const { take, push, answer } = open();
  take(3_600_000);
  assert.equal(answer({ ok: true }).entry.version.ms, WALL + 3_600_000);
  push(1);
  const { entry, fresh } = answer({ ok: true });
  assert.deepEqual([entry.version, fresh], [
    { epoch: 1, ms: WALL + 3_600_001, ingress: "b", sequence: 1 },
    true,
  ]);
});

Deno.test("CommitSerializer tells that a push was found good before it is durable, under which version, and of no other", () => {
  const { serializer, commits, checked, take, push, answer, ends } = open();
  take(1);
  serializer.checked(commits[0].token, CLOCK);
  assert.deepEqual(checked, []);
  answer({ ok: true });
  push(7);
  serializer.checked(commits[0].token, CLOCK);
  assert.deepEqual([checked, ends], [[commits[0].entry.version], ["1 stored"]]);
  const { token } = answer({ ok: true });
  serializer.checked(token, CLOCK);
  assert.equal(checked.length, 1);
});

Deno.test("CommitSerializer stores no push a second time, nor one that another of its ingress has overtaken", () => {
  const { push, answer, commits, ends } = open();
  push(2);
  push(2);
  push(1);
  answer({ ok: true });
  assert.deepEqual([ends, commits], [["2 stored", "2 dup", "1 stale"], []]);
  push(1, "c");
  assert.equal(commits.length, 1, "of another ingress it is news");
});
