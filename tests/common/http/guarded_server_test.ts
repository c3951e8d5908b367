import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { Registry } from "prom-client";
import type { HostileLimits } from "../../../common/http/hostile_limits.ts";
import { type Handler, HttpError, readBody } from "../../../common/http/http.ts";
import { HttpMetrics } from "../../../common/http/http_metrics.ts";
import { listen } from "../../../common/http/http_server.ts";
import { loadTlsIdentity, type TlsIdentity } from "../../../common/tls.ts";
import { makeCertificate, type TestCertificate } from "../../support/certificates.ts";
import { Mailbox } from "../../support/mailbox.ts";
import { RawClient } from "../../support/raw_client.ts";
import { recordingLog } from "../../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const KB = 1_024, MB = 1_024 * KB;
const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/** What two TCP stacks hold on the loopback interface at most, beyond what the server reads. */
const KERNEL_BUFFERS_BYTES = 12 * MB;

/** A guarded listener, whose handler answers a body's length unless told otherwise. */
async function attack(
  limits: HostileLimits,
  { handler = measure, tls }: { handler?: Handler; tls?: TlsIdentity } = {},
) {
  const registry = new Registry(), metrics = new HttpMetrics(registry), { log, records } = recordingLog();
  const cuts = new EventTarget(), count = metrics.cut;
  metrics.cut = (listener, reason) => {
    count.call(metrics, listener, reason);
    cuts.dispatchEvent(new Event(reason));
  };
  const listener = await listen(handler, {
    address: { hostname: "127.0.0.1", port: 0 },
    name: "external",
    hostile: { lingerMs: 40, ...limits },
    metrics,
    tls,
    log,
  });
  return {
    records,
    port: listener.port,
    connect: (caCert?: string) => RawClient.connect(listener.port, { caCert }),
    /** The counts of connections refused and cut, by reason, where there are any. */
    counts: async () => {
      const lines = (await registry.metrics()).matchAll(
        /^telemeter_http_connections_(\w+)_total\{.*reason="(\w+)"\} ([1-9]\d*)$/gm,
      );
      return Object.fromEntries([...lines].map(([, kind, reason, count]) => [`${kind} ${reason}`, Number(count)]));
    },
    /** Resolves once a connection is cut for this reason. */
    cut: (reason: string) => new Promise((resolve) => cuts.addEventListener(reason, resolve, { once: true })),
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

const measure: Handler = async (request) => {
  const { length } = await readBody(request, { limitBytes: 100 * KB });
  return new Response(`${length} bytes`);
};

/** Sends pieces one after the other, each once the clock has moved, until the server takes no more. */
async function trickle(client: RawClient, pieces: Iterable<string>, everyMs: number): Promise<void> {
  try {
    for (const piece of pieces) {
      await client.send(piece);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  } catch {
    // The server closed the connection, which is what the test waits for.
  }
}

function* forever(piece: string): Generator<string> {
  for (;;) yield piece;
}

async function timed<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
  const start = performance.now();
  const value = await work;
  return { value, ms: performance.now() - start };
}

Deno.test("a guarded listener cuts a connection that sends nothing", async () => {
  await using server = await attack({ headersTimeoutMs: 100 });
  const { value, ms } = await timed((async () => {
    using client = await server.connect();
    return await client.untilClosed();
  })());
  assert.equal(value, "");
  assert(ms >= 95 && ms < 1_000, `${ms} ms`);
  assert.deepEqual(await server.counts(), { "cut headers": 1 });
});

Deno.test("a guarded listener cuts headers that come too slowly, however steadily they do", async () => {
  await using server = await attack({ headersTimeoutMs: 100 });
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
  await using server = await attack({ headersTimeoutMs: 100, idleTimeoutMs: 150 });
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
    await using server = await attack(limits);
    using client = await server.connect();
    await client.send(head);
    const [{ value, ms }] = await Promise.all([timed(client.untilClosed()), trickle(client, pieces, 10)]);
    assert.match(value, /^HTTP\/1\.1 408 Request Timeout\r\n[^]*connection: close\r\n[^]*Cannot wait any longer/);
    assert(ms < 2_000, `${ms} ms`);
    assert.deepEqual(await server.counts(), { "cut body": 1 });
  }
});

Deno.test("a guarded listener reads no further than a body's limit, and its client gets to see the 413", async () => {
  await using server = await attack({});
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
  await using server = await attack({}, { handler });
  using client = await server.connect();
  await client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${200 * MB}\r\n\r\n`);
  const [sent, received] = await Promise.all([client.flood(new Uint8Array(64 * KB), 200 * MB), client.untilClosed()]);
  assert.match(received, /^HTTP\/1\.1 401 Unauthorized\r\n[^]*connection: close\r\n[^]*Who are you\n$/);
  assert(sent < KERNEL_BUFFERS_BYTES, `the client could send ${sent} bytes`);
});

Deno.test("a guarded listener keeps the connection where the rest of a refused request is short", async () => {
  await using server = await attack({ bodyWindowMs: 100 }, {
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
  await using server = await attack({});
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
  await using server = await attack({ maxHeaderBytes: 4 * KB, maxUrlBytes: 1 * KB });
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
  await using server = await attack({ headersTimeoutMs: 100 });
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
  await using server = await attack({ headersTimeoutMs: 100 });
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
  await using server = await attack({}, { handler });
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

Deno.test("a guarded listener admits so many connections in all and of one address while all are at work, and more once one is gone", async () => {
  for (const reason of ["total", "address", "network"]) {
    const limit = { total: "maxConnections", address: "maxConnectionsPerAddress", network: "maxConnectionsPerNetwork" };
    const goOn = Promise.withResolvers<void>();
    const handler: Handler = async ({ url }) => {
      if (url.endsWith("/wait")) await goOn.promise;
      return new Response("0 bytes");
    };
    const begun = Promise.withResolvers<void>();
    let waiting = 0;
    const counted: Handler = (request, peer) => {
      if (request.url.endsWith("/wait") && ++waiting === 2) begun.resolve();
      return handler(request, peer);
    };
    await using server = await attack({ [limit[reason as keyof typeof limit]]: 2 }, { handler: counted });
    using first = await server.connect();
    using second = await server.connect();
    for (const client of [first, second]) await client.send(GET.replace("/", "/wait"));
    await begun.promise;
    using third = await server.connect();
    const { value, ms } = await timed(third.untilClosed());
    assert.equal(value, "");
    assert(ms < 500, `${ms} ms`);
    assert.deepEqual(await server.counts(), { [`refused ${reason}`]: 1 });
    goOn.resolve();
    for (const client of [first, second]) await client.until(/0 bytes$/);
    first.received = "";
    await first.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    await first.untilClosed();
    // The server learns that the connection is closed when its own close is done, which the client cannot see.
    for (;;) {
      using fourth = await server.connect();
      await fourth.send(GET).catch(() => {});
      if (await fourth.until(/0 bytes$/).catch(() => undefined)) break;
    }
  }
});

Deno.test("a guarded listener has the longest idle connection give way to a new one, in TLS as well", async () => {
  const certificate = await makeCertificate("test");
  await using files = await identity(certificate);
  for (const { tls, caCert } of [{ tls: undefined, caCert: undefined }, { tls: files.tls, caCert: certificate.cert }]) {
    const goOn = Promise.withResolvers<void>(), begun = new Mailbox<string>();
    const handler: Handler = async (request, peer) => {
      begun.put(request.method);
      if (request.url.endsWith("/wait")) await goOn.promise;
      return await measure(request, peer);
    };
    await using server = await attack({ maxConnections: 5, yieldAfterMs: 0 }, { handler, tls });
    using atWork = await server.connect(caCert);
    await atWork.send(GET.replace("/", "/wait"));
    using pushing = await server.connect(caCert);
    await pushing.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n" + "x".repeat(1_000));
    await begun.take();
    await begun.take();
    using silent = await server.connect();
    using late = await server.connect(caCert);
    await late.send("GET / HTTP/1.1\r\nHo");
    using idle = await server.connect(caCert);
    await idle.send(GET);
    await idle.until(/0 bytes$/);
    await begun.take();
    const clients = [silent, late, idle, pushing];
    const closed = clients.map((client) => client.untilClosed());
    using stack = new DisposableStack();
    for (let n = 0; n < clients.length; n++) {
      const client = stack.use(await server.connect(caCert));
      await client.send(GET.replace("/", "/wait"));
      await begun.take();
      assert.doesNotMatch(await closed[n], /408/);
      assert.deepEqual(await server.counts(), { "cut room_total": n + 1 });
    }
    goOn.resolve();
    await atWork.until(/0 bytes$/);
  }
});

Deno.test("a guarded listener serves a good request at once beside 200 slow ones", async () => {
  await using server = await attack({});
  using stack = new DisposableStack();
  const starts = [
    "",
    "GET / HTTP/1.1\r\nHos",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nab",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
  ];
  for (let i = 0; i < 200; i++) {
    const slow = stack.use(await server.connect());
    await slow.send(starts[i % starts.length]);
  }
  using good = await server.connect();
  await good.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n" + "x".repeat(20_000));
  const { ms } = await timed(good.until(/200 OK[^]*20000 bytes$/));
  assert(ms < 250, `${ms} ms`);
});

Deno.test("a guarded listener comes at once to a request from another network than hundreds of others come from", async () => {
  const order: string[] = [];
  const handler: Handler = ({ url }) => {
    order.push(new URL(url).pathname);
    return new Response();
  };
  await using server = await attack({ maxConnectionsPerAddress: 400 }, { handler });
  using stack = new DisposableStack();
  const open = async (from: string) => {
    const socket = stack.adopt(
      connect({ host: "127.0.0.1", port: server.port, localAddress: from }),
      (socket) => void socket.destroy(),
    );
    await once(socket, "connect");
    return socket;
  };
  const gather = () => Promise.all(Array.from({ length: 150 }, () => open("127.0.2.1")));
  // In their middle, wherever the platform begins.
  const [before, good, after] = [await gather(), await open("127.0.3.1"), await gather()];
  const answered = once(good, "data");
  for (const socket of before) socket.write("GET /crowd HTTP/1.1\r\nHost: a\r\n\r\n");
  good.write("GET /good HTTP/1.1\r\nHost: a\r\n\r\n");
  for (const socket of after) socket.write("GET /crowd HTTP/1.1\r\nHost: a\r\n\r\n");
  await answered;
  const place = order.indexOf("/good");
  assert(place < 100, `${place} others came first`);
});

Deno.test("a guarded listener loses none of very many connections that come at once, in TLS as well", async () => {
  const certificate = await makeCertificate("test");
  await using files = await identity(certificate);
  for (const { tls, caCert } of [{ tls: undefined, caCert: undefined }, { tls: files.tls, caCert: certificate.cert }]) {
    await using server = await attack({}, { tls });
    const statuses = await Promise.all(Array.from({ length: 120 }, async () => {
      using client = await server.connect(caCert);
      await client.send(GET);
      return (await client.until(/^HTTP\/1\.1 (\d+)/))[1];
    }));
    assert.deepEqual(new Set(statuses), new Set(["200"]));
  }
});

Deno.test("a guarded listener cuts a client that does not take its response, and frees what waited for it", async () => {
  const cancelled = Promise.withResolvers<void>();
  const chunk = new Uint8Array(64 * KB);
  const rows: Handler[] = [
    () => {
      const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(chunk);
      return new Response(new ReadableStream({ pull, cancel: () => cancelled.resolve() }, { highWaterMark: 0 }));
    },
    () => new Response(new Uint8Array(50 * MB)),
  ];
  for (const handler of rows) {
    await using server = await attack({ stallTimeoutMs: 400 }, { handler });
    using client = await server.connect();
    await client.send(GET);
    await client.until(/200 OK/);
    await client.drink(5 * MB);
    await server.cut("stalled");
    assert.deepEqual(await server.counts(), { "cut stalled": 1 });
  }
  await cancelled.promise;
});

Deno.test("a guarded listener lets a client take a long response slowly, as long as it always takes some", async () => {
  const stallTimeoutMs = 400, total = 48 * MB;
  await using server = await attack({ stallTimeoutMs }, { handler: () => new Response(new Uint8Array(total)) });
  using client = await server.connect();
  await client.send(GET);
  await client.until(/200 OK/);
  const start = performance.now();
  for (let taken = 0; taken < total - KERNEL_BUFFERS_BYTES; taken += MB) {
    await client.drink(MB);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  assert(performance.now() - start > 3 * stallTimeoutMs);
  assert.deepEqual(await server.counts(), {});
});

for (const [coding, body] of [["", ""], ["gzip, chunked", "0\r\n\r\n"]]) {
  Deno.test(`a guarded listener takes no request behind one that leaves its end in doubt: Transfer-Encoding '${coding}'`, async () => {
    const paths: string[] = [];
    const handler: Handler = (request) => {
      paths.push(new URL(request.url).pathname);
      return new Response("seen");
    };
    await using server = await attack({}, { handler });
    using client = await server.connect();
    const first = `POST /first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ${coding}\r\n\r\n`;
    await client.send(GET + first + body + GET.replace("/ ", "/smuggled "));
    assert.match(
      await client.untilClosed(),
      /^HTTP\/1\.1 200 OK\r\n[^]*seenHTTP\/1\.1 501 [^]*send that one, or a length\n$/,
    );
    assert.deepEqual(paths, ["/"]);
  });
}

Deno.test("a guarded listener closes a half-sent response whose stream fails, and says so in the log", async () => {
  const failing = async function* () {
    yield new TextEncoder().encode("begin");
    await Promise.resolve();
    throw new Error("the disk is gone");
  };
  const handler = () => new Response(ReadableStream.from(failing()));
  await using server = await attack({}, { handler });
  using client = await server.connect();
  await client.send(GET);
  assert.doesNotMatch(await client.untilClosed(), /0\r\n\r\n$/);
  assert.equal(server.records.length, 1);
  assert.equal(server.records[0].sentence, "Failed to send a response to its end");
  assert.match(String(server.records[0].fields.error), /the disk is gone/);
});

/** A TLS identity of files in a folder of its own, which a test replaces and has looked at. */
async function identity(certificate: TestCertificate) {
  await using stack = new AsyncDisposableStack();
  const dir = await Deno.makeTempDir(), { log } = recordingLog();
  stack.defer(() => Deno.remove(dir, { recursive: true }));
  const write = async ({ cert, key }: TestCertificate) => {
    await Deno.writeTextFile(`${dir}/crt`, cert);
    await Deno.writeTextFile(`${dir}/key`, key);
  };
  await write(certificate);
  const tls = stack.use(
    await loadTlsIdentity({
      certPath: `${dir}/crt`,
      keyPath: `${dir}/key`,
      flags: { cert: "--tls-crt", key: "--tls-key" },
      log,
    }),
  );
  const rest = stack.move();
  return { tls, write, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

Deno.test("a guarded listener serves a changed certificate to new connections, and goes on with old ones", async () => {
  const [before, after] = [await makeCertificate("before"), await makeCertificate("after")];
  await using files = await identity(before);
  await using server = await attack({}, { tls: files.tls });
  using old = await server.connect(before.cert);
  await old.send(GET);
  await old.until(/0 bytes$/);
  await files.write(after);
  await files.tls.check();
  using fresh = await server.connect(after.cert);
  await fresh.send(GET);
  await fresh.until(/200 OK[^]*0 bytes$/);
  await assert.rejects(async () => {
    using distrustful = await server.connect(before.cert);
    await distrustful.send(GET);
    await distrustful.until(/200 OK/);
  });
  old.received = "";
  await old.send(GET);
  await old.until(/200 OK[^]*0 bytes$/);
});

Deno.test("a guarded listener cuts a TLS handshake that does not come or is none", async () => {
  await using files = await identity(await makeCertificate("test"));
  await using server = await attack({ handshakeTimeoutMs: 100 }, { tls: files.tls });
  using silent = await server.connect();
  assert.equal(await silent.untilClosed(), "");
  using half = await server.connect();
  await half.send("\x16\x03\x01\x02\x00\x01");
  await half.untilClosed();
  assert.deepEqual(await server.counts(), { "cut handshake": 2 });
  using plain = await server.connect();
  await plain.send(GET);
  assert.doesNotMatch(await plain.untilClosed(), /HTTP/);
});

Deno.test("a guarded listener keeps its times inside TLS too", async () => {
  const certificate = await makeCertificate("test");
  await using files = await identity(certificate);
  const limits = { headersTimeoutMs: 100, idleTimeoutMs: 100, stallTimeoutMs: 200, bodyTimeoutMs: 100 };
  const handler: Handler = (request, peer) => {
    return request.url.endsWith("/big") ? new Response(new Uint8Array(50 * MB)) : measure(request, peer);
  };
  await using server = await attack(limits, { handler, tls: files.tls });
  const cut = async (bytes: string) => {
    using client = await server.connect(certificate.cert);
    await client.send(bytes);
    return await client.untilClosed();
  };
  assert.equal(await cut(""), "");
  assert.match(await cut("GET / HT"), /^HTTP\/1\.1 408 /);
  assert.match(await cut(GET), /0 bytes$/);
  assert.match(await cut("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"), /^HTTP\/1\.1 408 /);
  using stalled = await server.connect(certificate.cert);
  await stalled.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
  await stalled.until(/200 OK/);
  await server.cut("stalled");
  assert.deepEqual(await server.counts(), { "cut headers": 2, "cut idle": 1, "cut body": 1, "cut stalled": 1 });
});
