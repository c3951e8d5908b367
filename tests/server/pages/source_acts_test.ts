import assert from "node:assert/strict";
import { ask, source, sourcePages } from "../../support/source_pages.ts";

const SOURCES = [source("up"), source("gone", { state: "silent" }), source('a/"b', { state: "refused" })];
const STRANGER = {
  ...{
    id: "stranger",
    at: "2026-01-02T03:03:00.000Z",
    since: "2026-01-02T03:03:00.000Z",
    stage: "authorize" as const,
    path: "/authorize",
    status: 401,
    reason: "token",
  },
  ...{ why: "No such token", times: 1 },
};

/** Pages that act, and the ids that they revoke. */
function acting(refusal?: Error) {
  const revoked: string[] = [];
  const revoke = (id: string) => {
    revoked.push(id);
    return refusal === undefined ? Promise.resolve() : Promise.reject(refusal);
  };
  return { ...sourcePages({ sources: SOURCES, strangers: [STRANGER], acts: true, revoke }), revoked };
}

const POST = { method: "POST" };

Deno.test("actions are not there without the flag", async () => {
  const pages = sourcePages({ sources: SOURCES, revoke: () => Promise.reject(new Error("Revoked")) });
  for (
    const path of [
      "/sources/gone/revoke",
      "/sources/gone/forget",
      "/api/v1/sources/gone/revoke",
      "/api/v1/sources/gone/forget",
    ]
  ) {
    assert.equal((await ask(pages, path, POST)).status, 404, path);
  }
  assert.deepEqual(pages.forgotten, []);
});

Deno.test("a button revokes a source, leads back to its page, and the log says who asked", async () => {
  const pages = acting();
  const id = encodeURIComponent('a/"b');
  const { status, headers } = await ask(pages, `/sources/${id}/revoke`, POST);
  assert.deepEqual([status, headers.get("location")], [303, `/sources/${id}?done=revoked`]);
  assert.deepEqual(pages.revoked, ['a/"b']);
  assert.deepEqual(pages.records, [{
    level: "warn",
    sentence: "Revoked a source, as an operator asked",
    fields: { cluster: 'a/"b', by: "192.0.2.7" },
  }]);
  assert.match((await ask(pages, `/sources/${id}?done=revoked`)).text, /Revoked at this server\./);
});

Deno.test("the API revokes a stranger, and nobody that nothing is known of", async () => {
  const pages = acting();
  const done = await ask(pages, "/api/v1/sources/stranger/revoke", POST);
  assert.deepEqual([done.status, JSON.parse(done.text)], [200, { status: "success", data: {} }]);
  const typo = await ask(pages, "/api/v1/sources/strnager/revoke", POST);
  assert.deepEqual([typo.status, JSON.parse(typo.text).errorType], [404, "not_found"]);
  assert.deepEqual(pages.revoked, ["stranger"]);
});

Deno.test("a list that cannot be written is told of, with what to do", async () => {
  const pages = acting(new Error("Read-only file system (os error 30)"));
  const { status, text } = await ask(pages, "/sources/up/revoke", POST);
  assert.equal(status, 409);
  assert.match(text, /cannot be written: Read-only file system \(os error 30\)\. Add the line that its page tells/);
  assert.match(text, /<a href="\/sources\/up">← up<\/a>/);
  assert.equal(pages.records[0].level, "error");
});

Deno.test("a source that is silent is forgotten, and one that still comes is not", async () => {
  const pages = acting();
  const { status, headers } = await ask(pages, "/sources/gone/forget", POST);
  assert.deepEqual([status, headers.get("location")], [303, "/?done=forgotten"]);
  const up = await ask(pages, "/sources/up/forget", POST);
  assert.equal(up.status, 409);
  assert.match(up.text, /Cannot forget a source that is up: it would be back with its next push/);
  assert.equal((await ask(pages, "/sources/nobody/forget", POST)).status, 404);
  const api = await ask(pages, "/api/v1/sources/gone/forget", POST);
  assert.deepEqual(JSON.parse(api.text), { status: "success", data: { members: [] } });
  assert.deepEqual(pages.forgotten, ["gone", "gone"]);
});

Deno.test("actions are refused to what a page of the web makes a browser send", async () => {
  const pages = acting();
  const forged: Record<string, string>[] = [
    { origin: "https://evil.example" },
    { origin: "null" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { host: "rebound.evil.example" },
  ];
  for (const headers of forged) {
    for (
      const path of [
        "/sources/gone/revoke",
        "/sources/gone/forget",
        "/api/v1/sources/gone/revoke",
        "/api/v1/sources/gone/forget",
      ]
    ) {
      assert.equal((await ask(pages, path, { ...POST, headers })).status, 403, `${path} ${JSON.stringify(headers)}`);
    }
  }
  assert.equal((await ask(pages, "/sources/gone/revoke")).status, 405);
  assert.deepEqual([pages.revoked, pages.forgotten], [[], []]);
  const headers = { origin: "http://localhost", "sec-fetch-site": "same-origin" };
  assert.equal((await ask(pages, "/sources/gone/forget", { ...POST, headers })).status, 303);
});
