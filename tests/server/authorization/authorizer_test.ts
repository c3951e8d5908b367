import assert from "node:assert/strict";
import { AuthorizationRefused, OpenAuthorizer, UpstreamAuthorizer } from "../../../server/authorization/authorizer.ts";
import { authorizerStub } from "../../../scripts/authorization_server.ts";
import { loopback } from "../../support/loopback.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const { signal } = new AbortController();
const asker = { signal };

/** Runs an upstream that answers as given, and returns what an authorizer makes of it. */
async function asked(respond: (request: Request) => Response | Promise<Response>, by = asker) {
  await using upstream = await loopback(respond);
  const authorizer = new UpstreamAuthorizer({ url: upstream.url });
  return await authorizer.authorize("token", "cluster", by).then((value) => ({ value }), (error) => ({ error }));
}

const json = (body: unknown, init?: ResponseInit) => () => Response.json(body, init);

Deno.test("OpenAuthorizer.authorize() lets everybody in, under the account that the token hashes to", async () => {
  assert.deepEqual(await new OpenAuthorizer().authorize("a"), { accountId: "auous9i303r4c" });
});

Deno.test("UpstreamAuthorizer.authorize() asks in the upstream's form", async () => {
  let question: unknown;
  await asked(async (request) => {
    const { method, headers } = request;
    const [type, accept] = [headers.get("content-type"), headers.get("accept")];
    question = { method, type, accept, authorization: headers.get("authorization"), body: await request.json() };
    return Response.json({ account_id: "x" });
  });
  assert.deepEqual(question, {
    method: "POST",
    type: "application/json",
    accept: "application/json",
    authorization: null,
    body: { cluster_id: "cluster", authorization_token: "token", account_id: "" },
  });
});

Deno.test("UpstreamAuthorizer.authorize() gets along with the stub", async () => {
  await using stub = await loopback(authorizerStub(["good"]));
  const authorizer = new UpstreamAuthorizer({ url: stub.url });
  for (const cluster of ["foobar", "foobar"]) {
    assert.deepEqual(await authorizer.authorize("good", cluster, asker), { accountId: "8b521e7rjipv8" });
  }
  for (const id of ['"\n/..', "é🦕", "x".repeat(255)]) {
    assert.match((await authorizer.authorize("good", id, asker)).accountId, /^[0-9a-v]+$/);
  }
  await assert.rejects(authorizer.authorize("bad", "cluster", asker), new AuthorizationRefused(401));
});

Deno.test("UpstreamAuthorizer.authorize() takes 200 and 201 with an account", async () => {
  const types = ["application/json", "application/json; charset=utf-8", "Application/JSON"];
  for (const status of [200, 201]) {
    for (const type of types) {
      const answer = await asked(() =>
        new Response('{"account_id":"x"}', { status, headers: { "content-type": type } })
      );
      assert.deepEqual(answer, { value: { accountId: "x" } });
    }
  }
});

Deno.test("UpstreamAuthorizer.authorize() passes on a refusal's status, whatever its body", async () => {
  for (const status of [401, 403, 404, 409, 429] as const) {
    for (const body of ["", '{"name":"N","reason":"a secret"}', "<html>"]) {
      const { error } = await asked(() => new Response(body, { status })) as { error: unknown };
      assert(error instanceof AuthorizationRefused);
      assert.equal(error.status, status);
      assert(!error.message.includes("secret"));
    }
  }
});

Deno.test("UpstreamAuthorizer.authorize() has no answer when the upstream does not give a proper one", async () => {
  const big = JSON.stringify({ account_id: "x", padding: "y".repeat(32_768) });
  const answers: Record<string, () => Response> = {
    "a server error": json({ account_id: "x" }, { status: 500 }),
    "another client error": json({ account_id: "x" }, { status: 418 }),
    "no content": () => new Response(null, { status: 204 }),
    "another media type": () => new Response('{"account_id":"x"}', { headers: { "content-type": "text/plain" } }),
    "no JSON": () => new Response("{", { headers: { "content-type": "application/json" } }),
    "null": json(null),
    "a list": json(["x"]),
    "no account": json({}),
    "an empty account": json({ account_id: "" }),
    "an account that is a number": json({ account_id: 7 }),
    "a very long account": json({ account_id: "x".repeat(1_025) }),
    "an account with a lone surrogate": () =>
      new Response('{"account_id":"\\ud800"}', { headers: { "content-type": "application/json" } }),
    "more than 32 KiB": () => new Response(big, { headers: { "content-type": "application/json" } }),
    "a redirect": () => new Response(null, { status: 307, headers: { location: "/elsewhere" } }),
  };
  for (const [what, respond] of Object.entries(answers)) {
    const { error } = await asked(respond) as { error: unknown };
    assert(error instanceof Error && !(error instanceof AuthorizationRefused), `${what}: ${error}`);
  }
});

Deno.test("UpstreamAuthorizer.authorize() stops reading an answer without an end", async () => {
  let cancelled = () => {};
  const stopped = new Promise<void>((resolve) => cancelled = resolve);
  await asked(() => {
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(8_192)),
      cancel: () => cancelled(),
    });
    return new Response(body, { headers: { "content-type": "application/json" } });
  });
  await stopped;
});

Deno.test("UpstreamAuthorizer.authorize() gives up after its time limit, in headers or body", async () => {
  const never = new Promise<never>(() => {});
  const slowBody = () => new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array([0x7b])) }));
  for (const respond of [() => never, slowBody]) {
    let release = () => {};
    const gone = new Promise<void>((resolve) => release = resolve);
    const { error } = await asked((request) => {
      request.signal.addEventListener("abort", release);
      return Promise.race([respond(), gone.then(() => new Response())]);
    }, { signal: AbortSignal.timeout(50) }) as { error: unknown };
    assert(error instanceof DOMException && error.name === "TimeoutError", String(error));
  }
});

Deno.test("UpstreamAuthorizer.authorize() has no answer from where nobody listens, and names no secret", async () => {
  const url = new URL((await closedUrl()).href + "path?key=s3cret");
  const error = await new UpstreamAuthorizer({ url }).authorize("t0ken", "cluster", asker).catch((error) => error);
  assert(error instanceof Error && !(error instanceof AuthorizationRefused));
  assert(!`${error.stack}`.includes("t0ken"));
});

async function closedUrl(): Promise<URL> {
  await using listener = await loopback(() => new Response());
  return listener.url;
}

Deno.test("UpstreamAuthorizer.authorize() shows its own access, and renews it when the upstream refuses that", async () => {
  const seen: (string | null)[] = [];
  let tokens = ["old", "new"];
  await using upstream = await loopback((request) => {
    seen.push(request.headers.get("authorization"));
    const status = seen.at(-1) === "Bearer new" ? 200 : 401;
    return Response.json({ account_id: "x" }, { status });
  });
  const access = {
    get: () => Promise.resolve(tokens[0]),
    refused: (token: string) => {
      assert.equal(token, tokens[0]);
      tokens = tokens.slice(1);
      return tokens.length > 0;
    },
  };
  const authorizer = new UpstreamAuthorizer({ url: upstream.url, access });
  assert.deepEqual(await authorizer.authorize("t", "c", asker), { accountId: "x" });
  assert.deepEqual(seen, ["Bearer old", "Bearer new"]);
});

Deno.test("UpstreamAuthorizer.authorize() takes a 401 for the client's when a new access of its own would not help", async () => {
  let questions = 0;
  await using upstream = await loopback(() => {
    questions++;
    return Response.json({ name: "NotAuthorized", reason: "" }, { status: 401 });
  });
  const access = { get: () => Promise.resolve("fresh"), refused: () => false };
  const authorizer = new UpstreamAuthorizer({ url: upstream.url, access });
  await assert.rejects(authorizer.authorize("t", "c", asker), new AuthorizationRefused(401));
  assert.equal(questions, 1);
});

Deno.test("UpstreamAuthorizer.authorize() does not blame the client for its own access when what refuses it is a gateway", async () => {
  await using upstream = await loopback(() => new Response("no", { status: 401 }));
  const access = { get: () => Promise.resolve("any"), refused: () => true };
  const authorizer = new UpstreamAuthorizer({ url: upstream.url, access });
  await assert.rejects(authorizer.authorize("t", "c", asker), {
    message: "The authorizer refuses our own access to it",
  });
});
