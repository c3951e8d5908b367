/** What a guarded listener gives a request: times, sizes, order. */

import assert from "node:assert/strict";
import { type Handler, HttpError } from "../../../common/http/http.ts";
import {
  forever,
  GET,
  KB,
  KERNEL_BUFFERS_BYTES,
  MB,
  openGuarded,
  timed,
  trickle,
} from "../../support/guarded_listener.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("a guarded listener cuts a connection that sends nothing", async () => {
  await using server = await openGuarded({ headersTimeoutMs: 100 });
  const { value, ms } = await timed((async () => {
    using client = await server.connect();
    return await client.untilClosed();
  })());
  assert.equal(value, "");
  assert(ms >= 95 && ms < 1_000, `${ms} ms`);
  assert.deepEqual(await server.counts(), { "cut headers": 1 });
});

Deno.test("a guarded listener cuts headers that come too slowly, however steadily they do", async () => {
  await using server = await openGuarded({ headersTimeoutMs: 100 });
  for (const start of ["GET /", "GET / HTTP/1.1\r\nHost: a\r\nX: ", "GET / HTTP/1.1\r\nHost: a\r\n"]) {
    using client = await server.connect();
    await client.send(start);
    const sending = trickle(client, forever(start.endsWith("\r\n") ? "X: a\r\n" : "a"), 10);
    const { value, ms } = await timed(client.untilClosed());
    await sending;
    assert.match(value, /^HTTP\/1\.1 408 Request Timeout\r\nConnection: close\r\n/);
    assert(ms < 1_500, `${ms} ms`);
  }
  assert.deepEqual(await server.counts(), { "cut headers": 3 });
});

Deno.test("a guarded listener cuts a connection that idles, also one that sends empty lines", async () => {
  await using server = await openGuarded({ headersTimeoutMs: 100, idleTimeoutMs: 150 });
  using idle = await server.connect();
  const { ms } = await timed((async () => {
    await idle.send(GET);
    await idle.until(/0 bytes$/);
    await idle.untilClosed();
  })());
  assert(ms >= 140 && ms < 1_000, `${ms} ms`);
  using busy = await server.connect();
  await busy.send(GET);
  await busy.until(/0 bytes$/);
  await Promise.all([trickle(busy, forever("\r\n"), 10), busy.untilClosed()]);
  assert.deepEqual(await server.counts(), { "cut idle": 1, "cut headers": 1 });
});

Deno.test("a guarded listener cuts a body that trickles, one that stops, and one that takes too long", async () => {
  const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
  const rows = [
    { limits: { bodyWindowMs: 100, minBodyBytesPerSecond: 1_000 }, pieces: forever("x") },
    { limits: { bodyWindowMs: 100, minBodyBytesPerSecond: 1_000 }, pieces: ["x".repeat(10_000)] },
    { limits: { bodyTimeoutMs: 100 }, pieces: forever("x".repeat(100)) },
  ];
  for (const { limits, pieces } of rows) {
    await using server = await openGuarded(limits);
    using client = await server.connect();
    await client.send(head);
    const [{ value, ms }] = await Promise.all([timed(client.untilClosed()), trickle(client, pieces, 10)]);
    assert.match(value, /^HTTP\/1\.1 408 Request Timeout\r\n[^]*connection: close\r\n[^]*Cannot wait any longer/);
    assert(ms < 2_000, `${ms} ms`);
    assert.deepEqual(await server.counts(), { "cut body": 1 });
  }
});

Deno.test("a guarded listener reads no further than a body's limit, and its client gets to see the 413", async () => {
  await using server = await openGuarded({});
  const unit = new Uint8Array(64 * KB).fill(120), total = 200 * MB;
  const chunk = new TextEncoder().encode("10000\r\n" + "x".repeat(64 * KB) + "\r\n");
  const rows = [
    { header: `Content-Length: ${total}`, unit, why: `more than 102400 bytes: there are ${total}` },
    { header: "Transfer-Encoding: chunked", unit: chunk, why: "more than 102400 bytes" },
  ];
  for (const { header, unit, why } of rows) {
    using client = await server.connect();
    await client.send(`POST / HTTP/1.1\r\nHost: a\r\n${header}\r\n\r\n`);
    const [sent, received] = await Promise.all([client.flood(unit, total), client.untilClosed()]);
    assert.match(
      received,
      new RegExp(`^HTTP/1\\.1 413 Payload Too Large\r\n[^]*connection: close\r\n[^]*${why}\n$`),
    );
    assert(sent < KERNEL_BUFFERS_BYTES, `the client could send ${sent} bytes`);
  }
});

Deno.test("a guarded listener reads nothing of a body that its handler refuses unread", async () => {
  const handler = () => {
    throw new HttpError(401, "Who are you", { reason: "token" });
  };
  await using server = await openGuarded({}, { handler });
  using client = await server.connect();
  await client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${200 * MB}\r\n\r\n`);
  const [sent, received] = await Promise.all([client.flood(new Uint8Array(64 * KB), 200 * MB), client.untilClosed()]);
  assert.match(received, /^HTTP\/1\.1 401 Unauthorized\r\n[^]*connection: close\r\n[^]*Who are you\n$/);
  assert(sent < KERNEL_BUFFERS_BYTES, `the client could send ${sent} bytes`);
});

Deno.test("a guarded listener keeps the connection where the rest of a refused request is short", async () => {
  await using server = await openGuarded({ bodyWindowMs: 100 }, {
    handler: (request) => new Response(request.method),
  });
  using client = await server.connect();
  await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n");
  await client.until(/200 OK[^]*POST$/);
  await client.send("x".repeat(20_000) + GET);
  await client.until(/POST[^]*200 OK[^]*GET$/);
  await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\nx");
  await client.until(/GET[^]*200 OK[^]*POST$/);
  await client.untilClosed();
  assert.deepEqual(await server.counts(), { "cut body": 1 });
});

Deno.test("a guarded listener asks for a body that waits for 100 Continue only when its handler wants it", async () => {
  await using server = await openGuarded({});
  const post = (length: number) =>
    `POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
  using wanted = await server.connect();
  await wanted.send(post(3));
  await wanted.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  await wanted.send("abc");
  await wanted.until(/200 OK[^]*3 bytes$/);
  using tooLong = await server.connect();
  await tooLong.send(post(200 * KB));
  assert.match(await tooLong.untilClosed(), /^HTTP\/1\.1 413 [^]*connection: close/);
  using other = await server.connect();
  await other.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 3\r\n\r\n");
  assert.match(await other.untilClosed(), /^HTTP\/1\.1 417 [^]*connection: close/);
});

Deno.test("a guarded listener refuses what is not HTTP, or too much of it, with the fitting status", async () => {
  await using server = await openGuarded({ maxHeaderBytes: 4 * KB, maxUrlBytes: 1 * KB });
  const rows: [string, RegExp][] = [
    ["\x16\x03\x01 garbage\r\n\r\n", /^HTTP\/1\.1 400 Bad Request\r\n/],
    ["GET / HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 Bad Request\r\n/],
    ["GET / HTTP/1.1\r\nHost: a/b?c\r\n\r\n", /^HTTP\/1\.1 400 Bad Request\r\n[^]*Cannot read the Host header/],
    ["GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1\.1 400 Bad Request\r\n[^]*Cannot take this target/],
    ["GET http://a HTTP/1.1\r\nHost: b\r\n\r\n", /^HTTP\/1\.1 200 OK\r\n/],
    ["GET / HTTP/1.1\r\nHost: a\r\nA: b\nC\r\n\r\n", /^HTTP\/1\.1 400 Bad Request\r\n/],
    [`GET /${"a".repeat(1_100)} HTTP/1.1\r\nHost: a\r\n\r\n`, /^HTTP\/1\.1 414 URI Too Long\r\n/],
    [
      `GET / HTTP/1.1\r\nHost: a\r\nA: ${"a".repeat(5_000)}\r\n\r\n`,
      /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/,
    ],
    ["GET / HTTP/1.1\r\nHost: a\r\n" + "a: bcd\r\n".repeat(1_500) + "\r\n", /^HTTP\/1\.1 431 /],
    ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", /^HTTP\/1\.1 400 /],
    [
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      /^HTTP\/1\.1 400 /,
    ],
    [
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
      /^HTTP\/1\.1 400 [^]*Cannot read the request/,
    ],
    [
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + "a: bcd\r\n".repeat(1_500),
      /^HTTP\/1\.1 431 /,
    ],
  ];
  for (const [bytes, reply] of rows) {
    using client = await server.connect();
    await client.send(bytes);
    await client.until(reply);
  }
});

Deno.test("a guarded listener does not read on after it has given up on a client", async () => {
  await using server = await openGuarded({ headersTimeoutMs: 100 });
  const rows = [
    { start: "GET / HTTP/1.1\r\nHost: a\r\nX: ", reply: /^HTTP\/1\.1 431 / },
    { start: "GARBAGE\r\n", reply: /^HTTP\/1\.1 400 / },
    { start: "GET / HTTP/1.1\r\nHost: a\r\nX: b", reply: /^HTTP\/1\.1 408 /, wait: true },
  ];
  for (const { start, reply, wait } of rows) {
    using client = await server.connect();
    await client.send(start);
    if (wait) await client.until(reply);
    const flood = client.flood(new Uint8Array(64 * KB).fill(97), 200 * MB);
    const [sent, received] = await Promise.all([flood, client.untilClosed()]);
    assert.match(received, reply);
    assert(sent < KERNEL_BUFFERS_BYTES, `the client could send ${sent} bytes`);
  }
});

Deno.test("a guarded listener cuts a body that is mostly framing", async () => {
  await using server = await openGuarded({ headersTimeoutMs: 100 });
  using client = await server.connect();
  await client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;");
  const [sent, received] = await Promise.all([
    client.flood(new Uint8Array(64 * KB).fill(97), 4_000 * MB),
    client.untilClosed(),
  ]);
  assert.match(received, /^HTTP\/1\.1 400 [^]*mostly framing/);
  assert(sent < 2_000 * MB, `the client could send ${sent} bytes`);
  assert.deepEqual(await server.counts(), { "cut framing": 1 });
});

Deno.test("a guarded listener answers requests sent ahead in order, one at a time, and only a few of them", async () => {
  const begun: string[] = [], goOn = Promise.withResolvers<void>();
  const handler: Handler = async ({ url, signal }) => {
    begun.push(url);
    const gone = new Promise((resolve) => signal.addEventListener("abort", resolve));
    if (url.endsWith("/1")) await Promise.race([goOn.promise, gone]);
    return new Response(url);
  };
  await using server = await openGuarded({}, { handler });
  const get = (n: number) => `GET /${n} HTTP/1.1\r\nHost: a\r\n\r\n`;
  using greedy = await server.connect();
  await greedy.send(Array(100).fill(1).map(get).join(""));
  assert.equal(await greedy.untilClosed(), "");
  assert.deepEqual(await server.counts(), { "cut pipelining": 1 });
  begun.length = 0;
  using patient = await server.connect();
  await patient.send([1, 2, 3, 4, 5].map(get).join(""));
  using other = await server.connect();
  await other.send(get(6));
  await other.until(/t\/6$/);
  assert.deepEqual(begun, ["http://localhost/1", "http://localhost/6"]);
  goOn.resolve();
  await patient.until(/t\/1HTTP[^]*t\/2HTTP[^]*t\/3HTTP[^]*t\/4HTTP[^]*t\/5$/);
});
