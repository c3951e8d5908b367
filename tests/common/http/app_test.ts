import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { asRoute, createApp, probe, type Route } from "../../../common/http/app.ts";
import { type Handler, HttpError, readBody, readWhole } from "../../../common/http/http.ts";
import { HttpMetrics } from "../../../common/http/http_metrics.ts";
import { listen } from "../../../common/http/http_server.ts";
import { RawClient } from "../../support/raw_client.ts";
import { recordingLog } from "../../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const peer = { address: "192.0.2.1" };
const named = (name: string) => asRoute((_, { address }) => new Response(`${name} for ${address}`));
const TABLE = {
  "/": { name: "root", get: named("root") },
  "/upload": { name: "upload", post: named("upload") },
  "/both": { name: "both", get: named("both"), put: named("both") },
};

function setUp(table: Record<string, Route>) {
  const registry = new Registry(), { log, records } = recordingLog();
  const app = createApp(table, { log, metrics: new HttpMetrics(registry) });
  const handler: Handler = app.fetch;
  return {
    app,
    records,
    ask: async (method: string, path: string) =>
      await handler(new Request(`http://localhost${path}`, { method }), peer),
    counts: async () => (await registry.metrics()).match(/^http_requests_total.*/gm),
  };
}

Deno.test("createApp() finds a handler by its exact path and its methods", async () => {
  const { ask } = setUp(TABLE);
  const nothing = [404, "There is nothing at this path: / lists the paths that there are\n", null];
  const notGet = [405, "Cannot use this method on /upload: use POST\n", "POST, OPTIONS"];
  const neither = [405, "Cannot use this method on /both: use GET or PUT\n", "GET, PUT, HEAD, OPTIONS"];
  const rows: [method: string, path: string, wanted: unknown][] = [
    ["GET", "/", [200, "root for 192.0.2.1", null]],
    ["GET", "", [200, "root for 192.0.2.1", null]],
    ["GET", "/?a=/upload#b", [200, "root for 192.0.2.1", null]],
    ["GET", "?a=/upload", [200, "root for 192.0.2.1", null]],
    ["POST", "/upload?id=1", [200, "upload for 192.0.2.1", null]],
    ["POST", "/upload#id", [200, "upload for 192.0.2.1", null]],
    ["HEAD", "/both", [200, "", null]],
    ["PUT", "/both", [200, "both for 192.0.2.1", null]],
    ["GET", "/upload", notGet],
    ["HEAD", "/upload", [405, "", "POST, OPTIONS"]],
    ["OPTIONS", "/", [204, "", "GET, HEAD, OPTIONS"]],
    ["OPTIONS", "/both", [204, "", "GET, PUT, HEAD, OPTIONS"]],
    ["OPTIONS", "/upload?id=1", [204, "", "POST, OPTIONS"]],
    ["OPTIONS", "/nowhere", nothing],
    ["OPTIONS", "/*", [204, "", null]],
    ["GET", "/*", nothing],
    ["DELETE", "/both", neither],
    ["BREW", "/both", neither],
    ["GET", "/upload/", nothing],
    ["GET", "//upload", nothing],
    ["GET", "/Upload", nothing],
    ["GET", "/%75pload", nothing],
    ["POST", "/%75pload", nothing],
    ["GET", "/constructor", nothing],
    ["GET", "/__proto__", nothing],
    ["BREW", "/nowhere", nothing],
    ["GET", "/x/../upload", notGet],
  ];
  for (const [method, path, wanted] of rows) {
    const response = await ask(method, path);
    const { status, headers } = response;
    assert.deepEqual([status, await response.text(), headers.get("allow")], wanted, `${method} ${path}`);
  }
});

Deno.test("probe() answers GET, HEAD and OPTIONS alike, also where the answer is a refusal", async () => {
  const { ask, counts } = setUp({
    "/well": probe("well", () => new Response("ok")),
    "/ill": probe("ill", () => {
      throw new HttpError(503, "Ill", { reason: "ill" });
    }),
  });
  for (const method of ["GET", "HEAD", "OPTIONS"]) {
    assert.deepEqual([(await ask(method, "/well")).status, (await ask(method, "/ill")).status], [200, 503], method);
  }
  assert.equal((await ask("OPTIONS", "/ill")).headers.get("allow"), "GET, HEAD, OPTIONS");
  assert.equal((await ask("POST", "/well")).status, 405);
  assert.equal((await counts())!.length, 7);
});

Deno.test("createApp() takes the path of a request as it is on the wire", async () => {
  const { app } = setUp(TABLE);
  // A listener's request may hold what `new Request()` would have put in order.
  const rows: [url: string, status: number][] = [
    ["http://a", 200],
    ["http://a?b", 200],
    ["HTTP://a/both?/", 200],
    ["https://[::1]:9003/both", 200],
    ["http://a/x/../both", 404],
    ["http://a/./both", 404],
    ["http://a/both;b", 404],
  ];
  for (const [url, status] of rows) {
    const request = { method: "GET", url } as Request;
    assert.equal((await app.fetch(request, peer)).status, status, url);
  }
});

Deno.test("createApp() counts every request under a name of its table, or none", async () => {
  const { ask, counts } = setUp(TABLE);
  for (const path of ["/", "/upload", "/nowhere", "/elsewhere"]) await (await ask("GET", path)).text();
  await ask("HEAD", "/both");
  assert.deepEqual(await counts(), [
    'http_requests_total{code="200",handler="root",method="get"} 1',
    'http_requests_total{code="405",handler="upload",method="get"} 1',
    'http_requests_total{code="404",handler="none",method="get"} 2',
    'http_requests_total{code="200",handler="both",method="head"} 1',
  ]);
});

Deno.test("createApp() lists the paths of its table at /, unless the table has a page there", async () => {
  const { "/": root, ...rest } = TABLE;
  assert.deepEqual(await (await setUp(rest).ask("GET", "/")).json(), { paths: ["/upload", "/both"] });
  assert.equal(await (await setUp({ "/": root, ...rest }).ask("GET", "/")).text(), "root for 192.0.2.1");
  assert.equal((await setUp(rest).ask("POST", "/")).status, 405);
});

Deno.test("createApp() makes an answer of whatever a handler throws, and hides and logs what is no HttpError", async () => {
  const errors = [
    new HttpError(413, "Too long", { reason: "body_size", headers: { "x-a": "b" } }),
    new Error("secret"),
  ];
  const { ask, records, counts } = setUp({
    "/known": { name: "known", get: () => Promise.reject(errors[0]) },
    "/unknown": {
      name: "unknown",
      get: () => {
        throw errors[1];
      },
    },
  });
  const known = await ask("GET", "/known");
  assert.deepEqual([known.status, known.headers.get("x-a"), await known.text()], [413, "b", "Too long\n"]);
  assert.equal(records.length, 0);
  const unknown = await ask("GET", "/unknown?token=a");
  assert.equal(unknown.status, 500);
  const [, id] = (await unknown.text()).match(/^Internal error: the server's log has it under ([0-9a-f-]{36})\n$/)!;
  assert.deepEqual(records.map(({ fields }) => [fields.id, fields.path]), [[id, "/unknown"]]);
  assert.deepEqual(await counts(), [
    'http_requests_total{code="413",handler="known",method="get"} 1',
    'http_requests_total{code="500",handler="unknown",method="get"} 1',
  ]);
});

Deno.test("createApp() counts, answers and logs also what is thrown that is no Error", async () => {
  for (const thrown of ["secret", undefined, null, { secret: 1 }]) {
    const { ask, records, counts } = setUp({ "/odd": { name: "odd", get: () => Promise.reject(thrown) } });
    const response = await ask("GET", "/odd");
    assert.equal(response.status, 500);
    assert.match(await response.text(), /^Internal error: the server's log has it under [0-9a-f-]{36}\n$/);
    assert.deepEqual(records.map(({ level }) => level), ["error"]);
    assert.deepEqual(await counts(), ['http_requests_total{code="500",handler="odd",method="get"} 1']);
  }
});

Deno.test("asRoute() hands a handler the listener's own request, whose body has a shorter way, and its peer", async () => {
  const { app } = setUp({
    "/upload": {
      name: "upload",
      post: asRoute(async (request, { address }) => {
        assert(readWhole in request);
        return new Response(`${(await readBody(request, { limitBytes: 10 })).length} bytes of ${address}`);
      }),
    },
  });
  const address = { hostname: "127.0.0.1", port: 0 };
  await using listener = await listen(app.fetch, { address, hostile: {}, log: recordingLog().log });
  const post = async (body: string) =>
    await (await fetch(new URL("/upload", listener.url), { method: "POST", body })).text();
  assert.equal(await post("abc"), "3 bytes of 127.0.0.1");
  assert.equal(await post("x".repeat(11)), "Cannot take a body of more than 10 bytes: there are 11\n");
});

for (const [kind, options] of Object.entries({ trusting: {}, guarded: { hostile: {} } })) {
  Deno.test(`createApp() answers HEAD on a ${kind} listener as GET, without the body or a length it does not know`, async () => {
    const cancelled = Promise.withResolvers<void>();
    const { app } = setUp({
      "/stream": { name: "stream", get: () => new Response(new ReadableStream({ cancel: () => cancelled.resolve() })) },
      "/known": { name: "known", get: () => new Response("text", { headers: { "content-length": "4", "x-a": "b" } }) },
      "/none": { name: "none", get: () => new Response(null, { status: 204 }) },
    });
    const address = { hostname: "127.0.0.1", port: 0 };
    await using listener = await listen(app.fetch, { address, log: recordingLog().log, ...options });
    const head = async (path: string) => {
      using client = await RawClient.connect(listener.port, {});
      await client.send(`HEAD ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      return await client.untilClosed();
    };
    const stream = await head("/stream");
    assert.match(stream, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/);
    assert.doesNotMatch(stream, /content-length/i);
    await cancelled.promise;
    const known = await head("/known");
    assert.match(known, /\r\ncontent-length: 4\r\n[^]*\r\n\r\n$/i);
    assert.match(known, /\r\nx-a: b\r\n/i);
    assert.match(await head("/none"), /^HTTP\/1\.1 204 /);
  });
}
