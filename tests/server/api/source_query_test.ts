import assert from "node:assert/strict";
import { listSources, readSourceQuery } from "../../../server/api/source_query.ts";
import type { SourceReport, WayReport } from "../../../server/api/source_report.ts";
import { HttpError } from "../../../common/http/http.ts";

const NONE = { used: 0, limit: 1, ratio: 0 };

const way = (name: WayReport["way"]): WayReport => ({
  way: name,
  last: "2026-01-01T00:00:00.000Z",
  transport: "protobuf, snappy",
  accepted: 1,
});

function report(id: string, more: Partial<SourceReport> = {}): SourceReport {
  return {
    id,
    state: "up",
    firstSeen: "2026-01-01T00:00:00.000Z",
    ageSeconds: 10,
    silentAfterSeconds: 90,
    series: 0,
    limits: { series: NONE, families: NONE, bytes: NONE },
    near: [],
    refusals: 0,
    ways: [way("push")],
    ...more,
  };
}

const ALL = [
  report("fine", { series: 3, ways: [way("push"), way("remote write")] }),
  report("tight", { near: ["series"], series: 9 }),
  report("gone", { state: "silent", ageSeconds: 400, ways: [way("remote write")] }),
  report("long-gone", { state: "silent", ageSeconds: 4_000 }),
  report("Bad", { state: "refused", refusals: 7 }),
  report("old", { state: "revoked" }),
];

function ids(query: string): string[] {
  return listSources(ALL, readSourceQuery(new URLSearchParams(query))).sources.map(({ id }) => id);
}

Deno.test("listSources() has the worst first, and of those the ones that are the latest", () => {
  assert.deepEqual(ids(""), ["Bad", "long-gone", "gone", "tight", "fine", "old"]);
});

Deno.test("listSources() filters by state, limits and a part of the id, whatever its case", () => {
  assert.deepEqual(ids("state=silent,refused"), ["Bad", "long-gone", "gone"]);
  assert.deepEqual(ids("near=1"), ["tight"]);
  assert.deepEqual(ids("way=remote+write"), ["gone", "fine"]);
  assert.deepEqual(ids("way=push&state=up"), ["tight", "fine"]);
  assert.deepEqual(ids("search=%20BAD"), ["Bad"]);
  assert.deepEqual(ids("state=silent&search=long"), ["long-gone"]);
});

Deno.test("listSources() sorts, and shows a part of what matches with the number of all", () => {
  assert.deepEqual(ids("sort=id"), ["Bad", "fine", "gone", "long-gone", "old", "tight"]);
  assert.deepEqual(ids("sort=series&limit=2"), ["tight", "fine"]);
  const list = listSources(ALL, readSourceQuery(new URLSearchParams("sort=id&offset=4&limit=2")));
  assert.deepEqual([list.sources.map(({ id }) => id), list.matching], [["old", "tight"], 6]);
  assert.deepEqual([list.states, list.near], [{ refused: 1, silent: 2, up: 2, revoked: 1 }, 1]);
  assert.deepEqual(list.ways, { push: 5, "remote write": 2 });
});

Deno.test("readSourceQuery() refuses what makes no sense, and says what would", () => {
  for (const query of ["state=dead", "sort=size", "way=pull", "limit=-1", "limit=1e9", "limit=10001", "offset=x"]) {
    assert.throws(
      () => readSourceQuery(new URLSearchParams(query)),
      (error) => error instanceof HttpError && error.status === 400 && / write /.test(error.message),
      query,
    );
  }
});
