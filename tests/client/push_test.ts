import configuration from "../../deno.json" with { type: "json" };
import assert from "node:assert/strict";
import { REMARK_LIMIT_BYTES } from "../../client/post.ts";
import { push } from "../../client/push.ts";
import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { SAMPLE_RULE_NAMES } from "../../common/ingest/sample_rules.ts";
import { directClients as clients } from "../support/direct_clients.ts";
import { families, series } from "../support/series.ts";
import { TelemeterServer } from "../support/telemeter_server.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A server that has issued a token, and a push to it. */
async function parties() {
  const server = new TelemeterServer();
  const authorized = await fetch(`${server.url}/authorize?id=me`, {
    method: "POST",
    headers: { authorization: "Bearer initial" },
  });
  const { token } = await authorized.json();
  const statuses: number[] = [];
  const how = {
    url: new URL(`${server.url}/upload`),
    token,
    clients,
    timeoutMs: 30_000,
    signal: new AbortController().signal,
    onStatus: (status: number) => void statuses.push(status),
  };
  return {
    server,
    token,
    statuses,
    push: (changes: { token?: string } = {}) =>
      push(encodeFamilies(families(['up{_id="me"} 1', "down 0"])), { ...how, ...changes }),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
    },
  };
}

Deno.test("push() has a server take families and returns the bytes that it sent", async () => {
  await using p = await parties();
  const { bytes } = await p.push();
  const { cluster, families } = await p.server.pushes.take();
  assert.equal(cluster, "me");
  assert.deepEqual(series(families), ['up{_id="me"} 1', "down 0"]);
  assert.ok(bytes > 10 && bytes < 200, `${bytes}`);
  assert.deepEqual(p.statuses, [200]);
});

Deno.test("push() returns what the server says of a push that it has taken, unless that goes on and on", async () => {
  await using p = await parties();
  const remarkOf = async (body: string) => {
    p.server.fault = () => new Response(body);
    return (await p.push()).remark;
  };
  assert.equal(await remarkOf(""), undefined);
  assert.equal(await remarkOf("Left out x: it is odd\nLeft out y: too\n"), "Left out x: it is odd\nLeft out y: too");
  // A line of a kilobyte for each rule that there is.
  const long = Array<string>(SAMPLE_RULE_NAMES.length + 1).fill(`Left out ${"x".repeat(1_000)}`).join("\n");
  assert.equal(await remarkOf(long), long);
  assert.equal(await remarkOf("x".repeat(REMARK_LIMIT_BYTES + 1)), undefined);
});

Deno.test("push() tells the server which client it is, and of which version", async () => {
  await using p = await parties();
  let told: string | null = "";
  p.server.fault = ({ headers }) => {
    told = headers.get("user-agent");
    return new Response("");
  };
  await p.push();
  assert.equal(told, `telemeter-client/${configuration.version}`);
});

const refusals: [status: number, message: RegExp][] = [
  [201, /: it answered 201; it says: so it is$/],
  [202, /: it answered 202/],
  [400, /: it answered 400, it refuses the content of the push; it says: so it is$/],
  [401, /it refuses the token/],
  [404, /check --to or --to-upload/],
  [413, /too large: select less with --match/],
  [429, /pushes come too often, or were refused too often: raise --interval, or mend what the server refused/],
  [500, /: it answered 500; it says: so it is$/],
  [503, /cannot take a push now/],
];

for (const [status, message] of refusals) {
  Deno.test(`push() takes ${status} for a failure`, async () => {
    await using p = await parties();
    p.server.fault = () => new Response("so it is", { status, headers: { "retry-after": "5" } });
    await assert.rejects(p.push(), { name: "RefusedError", message, status, retryAfterMs: 5_000 });
    assert.deepEqual(p.statuses, [status]);
  });
}

Deno.test("push() takes 204 for a failure", async () => {
  await using p = await parties();
  p.server.fault = () => new Response(null, { status: 204 });
  await assert.rejects(p.push(), { message: `Cannot push to ${p.server.url}/upload: it answered 204` });
});

for (const status of [301, 302, 303, 307, 308]) {
  Deno.test(`push() follows no redirect: ${status}`, async () => {
    await using p = await parties();
    const location = "/healthz";
    p.server.fault = ({ method }) =>
      method === "GET" ? new Response("ok") : new Response(null, { status, headers: { location } });
    p.server.asked.length = 0;
    await assert.rejects(p.push(), {
      message:
        `Cannot push to ${p.server.url}/upload: it redirects to ${p.server.url}/healthz, which a push does not follow: ` +
        "point --to or --to-upload at the server itself",
    });
    assert.deepEqual(p.server.asked, ["/upload"]);
  });
}

Deno.test("push() never shows the token that a server repeats", async () => {
  await using p = await parties();
  p.server.fault = (request) => new Response(`bad ${request.headers.get("authorization")}`, { status: 400 });
  await assert.rejects(p.push(), { message: /it says: bad Bearer …$/ });
});

Deno.test("push() without a token sends none", async () => {
  await using p = await parties();
  p.server.fault = (request) => new Response(String(request.headers.get("authorization")), { status: 400 });
  await assert.rejects(p.push({ token: undefined }), { message: /it says: null$/ });
});
