import assert from "node:assert/strict";
import { TokenExchange } from "../../client/authorization.ts";
import { directClients as clients } from "../support/direct_clients.ts";
import { TelemeterServer } from "../support/telemeter_server.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A server, and an exchange with it by a clock that the test sets. */
function parties() {
  const server = new TelemeterServer();
  const state = { nowMs: 1_700_000_000_000, initialToken: "initial" };
  const exchange = new TokenExchange({
    url: new URL(`${server.url}/authorize?id=me`),
    initialToken: () => Promise.resolve(state.initialToken),
    now: () => state.nowMs,
  });
  const signal = new AbortController().signal;
  return {
    server,
    state,
    exchange,
    grant: () => exchange.grant({ clients, timeoutMs: 30_000, signal }),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
    },
  };
}

Deno.test("TokenExchange.grant() yields a token and labels, and exchanges once while they last", async () => {
  await using p = parties();
  p.server.labels = { account: "a" };
  const { token, labels } = await p.grant();
  assert.match(token, /^issued-0-/);
  assert.deepEqual([...labels], [["_id", "me"], ["account", "a"]]);
  p.state.nowMs += 86_400_000 - 15_001;
  assert.equal((await p.grant()).token, token);
  assert.deepEqual(p.server.asked, ["/authorize?id=me"]);
});

Deno.test("TokenExchange.grant() refreshes 15 s before expiry and takes the new labels over", async () => {
  await using p = parties();
  const { token } = await p.grant();
  p.server.labels = { account: "new" };
  p.state.nowMs += 86_400_000 - 15_000;
  const refreshed = await p.grant();
  assert.notEqual(refreshed.token, token);
  assert.deepEqual([...refreshed.labels], [["_id", "me"], ["account", "new"]]);
});

const lifetimes: [expiresInSeconds: number, laterMs: number, exchanges: number][] = [
  [60, 44_999, 1],
  [60, 45_000, 2],
  [59, 43_999, 1],
  [59, 44_000, 2],
  [20, 9_999, 1],
  [20, 10_000, 2],
  [1, 499, 1],
  [1, 500, 2],
  [0, 1e12, 1],
  [-5, 1e12, 1],
];

for (const [expiresInSeconds, laterMs, exchanges] of lifetimes) {
  Deno.test(`TokenExchange.grant() exchanges ${exchanges} time(s) for ${expiresInSeconds} s, over ${laterMs} ms`, async () => {
    await using p = parties();
    p.server.expiresInSeconds = expiresInSeconds;
    await p.grant();
    p.state.nowMs += laterMs;
    await p.grant();
    assert.equal(p.server.asked.length, exchanges);
  });
}

Deno.test("TokenExchange.drop() has the next grant exchange anew", async () => {
  await using p = parties();
  const { token } = await p.grant();
  p.exchange.drop();
  assert.notEqual((await p.grant()).token, token);
});

Deno.test("TokenExchange.grant() exchanges anew when the initial token changes", async () => {
  await using p = parties();
  await p.grant();
  p.server.tokens.add("rotated");
  p.state.initialToken = "rotated";
  await p.grant();
  assert.equal(p.server.asked.length, 2);
});

Deno.test("TokenExchange.grant() takes 201 for success, and an answer without labels", async () => {
  await using p = parties();
  p.server.fault = () => Response.json({ token: "t", labels: null }, { status: 201 });
  const { token, labels } = await p.grant();
  assert.equal(token, "t");
  assert.equal(labels.size, 0);
});

const refusals: [status: number, hint: RegExp][] = [
  [302, /it answered 302/],
  [400, /check --id/],
  [401, /the token of --to-token-file is not that of --id, or is no longer valid/],
  [403, /may not speak for --id/],
  [404, /check --to and --id/],
  [409, /belongs to another account/],
  [429, /tokens are exchanged too often/],
  [500, /it answered 500; it says: request 7 failed for …$/],
];

for (const [status, hint] of refusals) {
  Deno.test(`TokenExchange.grant() says what ${status} means, and never the token`, async () => {
    await using p = parties();
    p.server.fault = () => new Response("request 7 failed for initial", { status, headers: { "retry-after": "300" } });
    await assert.rejects(p.grant(), { name: "RefusedError", message: hint, status, retryAfterMs: 300_000 });
    await assert.rejects(p.grant(), { message: /^Cannot exchange the token at http:\S+\/authorize: / });
    await p.grant().catch((error) => assert.doesNotMatch(error.message, /initial/));
  });
}

const answers: [what: string, body: string, message: RegExp][] = [
  ["no JSON", "<html>", /the answer is not JSON$/],
  ["no object", "[]", /the answer is not a JSON object$/],
  ["no token", '{"token":""}', /the answer holds no usable token$/],
  ["a token that no header carries", '{"token":"a\\nb"}', /the answer holds no usable token$/],
  ["a lifetime that is none", '{"token":"t","expiresInSeconds":"1"}', /expiresInSeconds is not a number$/],
  ["labels that are none", '{"token":"t","labels":[]}', /labels are not an object$/],
  ["a label that is no text", '{"token":"t","labels":{"a":1}}', /labels hold an invalid one$/],
  ["a label without a proper name", '{"token":"t","labels":{"__name__":"x"}}', /labels hold an invalid one$/],
  ["more than 16 KiB", `{"token":"${"t".repeat(16_384)}"}`, /the answer is longer than 16384 bytes$/],
];

for (const [what, body, message] of answers) {
  Deno.test(`TokenExchange.grant() refuses an answer with ${what}`, async () => {
    await using p = parties();
    p.server.fault = () => new Response(body);
    await assert.rejects(p.grant(), { message });
    p.server.fault = undefined;
    assert.match((await p.grant()).token, /^issued-/);
  });
}

for (const status of [301, 302, 307, 308]) {
  Deno.test(`TokenExchange.grant() names where a ${status} leads, without its query, and does not go there`, async () => {
    await using p = parties();
    const location = "https://user:word@other.example:9003/authorize?id=me&key=s3cret";
    p.server.fault = () => new Response(null, { status, headers: { location } });
    await assert.rejects(p.grant(), {
      name: "RefusedError",
      message: `Cannot exchange the token at ${p.server.url}/authorize: it answered ${status}, a redirect to ` +
        "https://other.example:9003/authorize: point --to or --to-auth there, if the token is meant for it",
    });
    assert.equal(p.server.asked.length, 1);
  });
}
