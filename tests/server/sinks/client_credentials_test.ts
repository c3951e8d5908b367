import assert from "node:assert/strict";
import { ClientCredentials } from "../../../server/sinks/client_credentials.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** An issuer, by a clock that stands still, and what it was asked. */
function issuer(answers: readonly (() => Response)[]) {
  const asked: { authorization: string | null; form: Record<string, string> }[] = [];
  const clock = { nowMs: 0 };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const form = Object.fromEntries(new URLSearchParams(await request.text()));
    asked.push({ authorization: request.headers.get("authorization"), form });
    return answers[asked.length - 1]();
  });
  const client = Deno.createHttpClient({});
  const credentials = new ClientCredentials({
    url: new URL(`http://127.0.0.1:${server.addr.port}/token`),
    clientId: "a:b",
    secret: () => "geheim ü",
    scope: "write",
    now: () => clock.nowMs,
    fetch: (url, init) => fetch(url, { ...init, client }),
  });
  const close = async () => {
    client.close();
    await server.shutdown();
  };
  return { credentials, asked, clock, [Symbol.asyncDispose]: close };
}

const grant = (token: string, more = {}) => () =>
  Response.json({ access_token: token, token_type: "Bearer", expires_in: 3_600, ...more });

Deno.test("ClientCredentials asks once for a token, as RFC 6749 says, and again before it ends", async () => {
  await using site = issuer([grant("one"), grant("two")]);
  const { credentials, asked, clock } = site;
  assert.deepEqual(await Promise.all([credentials.get(), credentials.get()]), ["one", "one"]);
  clock.nowMs = 3_569_000;
  assert.equal(await credentials.get(), "one");
  clock.nowMs = 3_570_000;
  assert.equal(await credentials.get(), "two");
  assert.equal(asked.length, 2);
  assert.deepEqual(asked[0].form, { grant_type: "client_credentials", scope: "write" });
  assert.equal(asked[0].authorization, `Basic ${btoa("a%3Ab:geheim%20%C3%BC")}`);
});

Deno.test("ClientCredentials asks for another token where one is refused", async () => {
  await using site = issuer([grant("one"), grant("two")]);
  const { credentials } = site;
  credentials.refused(await credentials.get());
  assert.equal(await credentials.get(), "two");
});

for (
  const [what, answer, fault] of [
    ["another status", () => new Response(null, { status: 401 }), /answers 401/],
    ["no JSON", () => new Response("<html>"), /other than JSON/],
    ["no token", grant("", {}), /usable 'access_token'/],
    ["a token with a line feed", grant("a\nb"), /usable 'access_token'/],
    ["a token of another kind", grant("a", { token_type: "mac" }), /no bearer token/],
    ["a page", () => new Response("x".repeat(70_000)), /more than a token/],
  ] as const
) {
  Deno.test(`ClientCredentials takes no token from ${what}, and asks again`, async () => {
    await using site = issuer([answer, grant("good")]);
    const { credentials } = site;
    await assert.rejects(credentials.get(), fault);
    assert.equal(await credentials.get(), "good");
  });
}
