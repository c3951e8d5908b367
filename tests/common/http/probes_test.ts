import assert from "node:assert/strict";
import { createApp, probe } from "../../../common/http/app.ts";
import { readBody } from "../../../common/http/http.ts";
import { LISTENER_KINDS, type ListenerKind, openListener } from "../../support/any_listener.ts";
import { RawClient } from "../../support/raw_client.ts";
import { recordingLog } from "../../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** A listener as those of the programs are: health checks, a page without a known length, something to post to. */
async function open(kind: ListenerKind) {
  const { log, records } = recordingLog();
  const app = createApp({
    "/healthz/ready": probe("ready", () => new Response("ok\n")),
    "/page": { name: "page", get: () => new Response(ReadableStream.from(page())) },
    "/upload": {
      name: "upload",
      post: async (c) => new Response(`${(await readBody(c.req.raw, { limitBytes: 100 })).length} bytes`),
    },
  }, { log });
  const bench = await openListener(kind, app.fetch, {
    log,
    hostile: kind === "trusting" ? undefined : { lingerMs: 20 },
  });
  return {
    /** What the log has above debug. */
    noise: () => records.filter(({ level }) => level !== "debug"),
    records,
    /** What comes back for these bytes until the listener closes the connection. */
    ask: async (bytes: string, { endsFirst = false } = {}) => {
      using client = await bench.connect();
      await client.send(latin1(bytes));
      if (endsFirst) await client.closeWrite();
      return await client.untilClosed();
    },
    /** Connects, and goes away after these bytes. */
    leave: async (bytes: string) => {
      using client = await bench.connect();
      await client.send(latin1(bytes));
    },
    [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
  };
}

async function* page() {
  for (const line of ["up 1\n", "up 2\n"]) yield await Promise.resolve(new TextEncoder().encode(line));
}

const CLOSE = "Host: 10.0.0.1:9003\r\nConnection: close\r\n";
const OK = /^HTTP\/1\.[01] 200 OK\r\n[^]*\r\n\r\nok\n$/;
const EMPTY_200 = /^HTTP\/1\.[01] 200 OK\r\n[^]*\r\n\r\n(?:ok\n)?$/;

/** Health checks as balancers and monitors send them, as far as their documentation or their source says. */
const CHECKS: readonly [who: string, bytes: string, answer?: RegExp][] = [
  ["HAProxy, option httpchk GET /healthz/ready", "GET /healthz/ready HTTP/1.0\r\n\r\n"],
  ["HAProxy, option httpchk /healthz/ready", "OPTIONS /healthz/ready HTTP/1.0\r\n\r\n", EMPTY_200],
  ["HAProxy, option httpchk", "OPTIONS / HTTP/1.0\r\n\r\n", /^HTTP\/1\.[01] 204 No Content\r\n/],
  ["HAProxy, http-check with a host", `GET /healthz/ready HTTP/1.1\r\nhost: my_backend\r\nconnection: close\r\n\r\n`],
  ["HAProxy, http-check with an empty host", "GET /healthz/ready HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n"],
  ["nginx, proxy_pass", "GET /healthz/ready HTTP/1.0\r\nHost: telemeter_upstream\r\nConnection: close\r\n\r\n"],
  [
    "AWS, application balancer",
    `GET /healthz/ready HTTP/1.1\r\n${CLOSE}User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n`,
  ],
  ["Kubernetes", `GET /healthz/ready HTTP/1.1\r\n${CLOSE}User-Agent: kube-probe/1.31\r\nAccept: */*\r\n\r\n`],
  ["Envoy", `GET /healthz/ready HTTP/1.1\r\nhost: telemeter\r\nuser-agent: Envoy/HC\r\nconnection: close\r\n\r\n`],
  ["wget of busybox", "GET /healthz/ready HTTP/1.1\r\nHost: [fd00::1]:9003\r\nConnection: close\r\n\r\n"],
  ["HEAD", `HEAD /healthz/ready HTTP/1.1\r\n${CLOSE}\r\n`, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/],
  ["HEAD of HTTP/1.0", "HEAD /healthz/ready HTTP/1.0\r\n\r\n", /^HTTP\/1\.[01] 200 OK\r\n[^]*\r\n\r\n$/],
  ["a query against caches", "GET /healthz/ready?nocache=1732634104 HTTP/1.0\r\n\r\n"],
  ["an empty host in HTTP/1.0", "GET /healthz/ready HTTP/1.0\r\nHost: \r\n\r\n"],
  ["a proxy's form of target", "GET http://telemeter.example/healthz/ready HTTP/1.0\r\n\r\n"],
  [
    "a proxy's form without a path",
    "GET http://telemeter.example HTTP/1.0\r\n\r\n",
    /^HTTP\/1\.[01] 200 OK\r\n[^]*"paths"/,
  ],
  ["empty lines first", "\r\n\r\nGET /healthz/ready HTTP/1.0\r\n\r\n"],
  ["OPTIONS *", `OPTIONS * HTTP/1.1\r\n${CLOSE}\r\n`, /^HTTP\/1\.1 204 No Content\r\n/],
  ["OPTIONS * of HTTP/1.0", "OPTIONS * HTTP/1.0\r\n\r\n", /^HTTP\/1\.[01] 204 No Content\r\n/],
  [
    "Java, which offers HTTP/2",
    "GET /healthz/ready HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings, close\r\nHost: a\r\n" +
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n\r\n",
  ],
  [
    "HTTP/1.0 with keep-alive, twice",
    "GET /healthz/ready HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /healthz/ready HTTP/1.0\r\n\r\n",
    /^HTTP\/1\.[01] 200 OK\r\n[^]*\r\nconnection: keep-alive\r\n\r\nok\nHTTP\/1\.[01] 200 OK\r\n[^]*\r\n\r\nok\n$/i,
  ],
];

for (const kind of LISTENER_KINDS) {
  Deno.test(`listen() ${kind}: answers the health checks of balancers and monitors, and logs none of them`, async () => {
    await using server = await open(kind);
    for (const [who, bytes, answer = OK] of CHECKS) assert.match(await server.ask(bytes), answer, who);
    assert.deepEqual(server.noise(), []);
  });

  Deno.test(`listen() ${kind}: answers as HTTP/1.0 wants it: no chunks, no word of going on, and the end is the end`, async () => {
    await using server = await open(kind);
    for (const headers of ["", "Connection: close\r\n", "Connection: keep-alive\r\n"]) {
      const answer = await server.ask(`GET /page HTTP/1.0\r\n${headers}\r\n`);
      assert.match(answer, /^HTTP\/1\.[01] 200 OK\r\n[^]*\r\n\r\nup 1\nup 2\n$/);
      assert.doesNotMatch(answer, /transfer-encoding|keep-alive/i);
    }
    const post = "POST /upload HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc";
    assert.match(await server.ask(post), /^HTTP\/1\.[01] 200 OK\r\n[^]*3 bytes$/);
    const framing =
      "POST /upload HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert.match(await server.ask(framing), /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.deepEqual(server.noise(), []);
  });

  Deno.test(`listen() ${kind}: puts up with whoever connects and goes away, and logs none of them`, async () => {
    await using server = await open(kind);
    for (const bytes of ["", "\r\n", "GET /hea", "GET /healthz/ready HTTP/1.0\r\n\r\n", "POST /upload HTTP/1.0\r\n"]) {
      await server.leave(bytes);
    }
    assert.match(await server.ask("GET /healthz/ready HTTP/1.0\r\n\r\n"), OK);
    assert.deepEqual(server.noise(), []);
  });

  Deno.test(`listen() ${kind}: refuses a Host or a target that would make another URL of the request, or none`, async () => {
    await using server = await open(kind);
    for (
      const bytes of [
        "GET /healthz/ready HTTP/1.0\r\nHost: a/b?c\r\n\r\n",
        "GET /healthz/ready HTTP/1.0\r\nHost: a#b\r\n\r\n",
        "GET /healthz/ready HTTP/1.0\r\nHost: u@b\r\n\r\n",
        "GET /healthz/ready HTTP/1.0\r\nHost: a b\r\n\r\n",
        `GET /healthz/ready HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n`,
        `GET /healthz/ready HTTP/1.1\r\nHost: a:99999\r\nConnection: close\r\n\r\n`,
        `GET /healthz/ready HTTP/1.1\r\nHost: a:b:c\r\nConnection: close\r\n\r\n`,
        `GET * HTTP/1.1\r\n${CLOSE}\r\n`,
        "GET healthz HTTP/1.0\r\n\r\n",
        `GET /healthz/ready HTTP/1.1\r\nHost: b\r\n${CLOSE}\r\n`,
      ]
    ) {
      assert.match(await server.ask(bytes), /^HTTP\/1\.[01] 400 Bad Request\r\n/, bytes);
    }
    assert.deepEqual(server.noise(), []);
  });
}

/** What is no request of HTTP/1 at all, and what a listener that guards itself says to it. */
const MISTAKES: readonly [what: string, bytes: string, answer: RegExp][] = [
  [
    "PROXY protocol 1",
    "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.0\r\n\r\n",
    /400 [^]*Cannot take the PROXY protocol/,
  ],
  ["PROXY protocol 1, local", "PROXY UNKNOWN\r\n", /400 [^]*Cannot take the PROXY protocol/],
  [
    "PROXY protocol 2",
    "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0GET / HTTP/1.0\r\n\r\n",
    /400 [^]*Cannot take the PROXY protocol/,
  ],
  ["TLS", "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03", /400 [^]*Cannot speak TLS on this port/],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", /505 [^]*use HTTP\/1\.1/],
  ["HTTP/2 in words", `GET / HTTP/2.0\r\n${CLOSE}\r\n`, /505 [^]*Cannot speak HTTP\/2\.0/],
  ["HTTP/0.9", "GET /healthz/ready\r\n\r\n", /505 [^]*Cannot speak HTTP\/0\.9/],
  ["a method in lower case", `get / HTTP/1.1\r\n${CLOSE}\r\n`, /501 [^]*method get: methods are in upper case/],
  ["an unknown method", `BREW / HTTP/1.1\r\n${CLOSE}\r\n`, /501 [^]*method BREW/],
  ["CONNECT", `CONNECT a:443 HTTP/1.1\r\n${CLOSE}\r\n`, /501 [^]*Cannot be a proxy/],
  ["lines that end in LF", "GET /healthz/ready HTTP/1.0\n\n", /400 [^]*CR and LF/],
  ["no Host in HTTP/1.1", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", /400 [^]*without a Host header/],
  ["anything else", "\0\0\0\0", /400 [^]*Cannot read the request as HTTP\n$/],
];

Deno.test("listen() guarded: tells whoever speaks another protocol what is wrong, and logs it at debug at most", async () => {
  await using server = await open("guarded");
  for (const [what, bytes, answer] of MISTAKES) {
    const received = await server.ask(bytes);
    assert.match(received, new RegExp("^HTTP/1\\.1 " + answer.source), what);
    assert.match(received, /\r\nconnection: close\r\n/i, what);
  }
  assert.deepEqual(new Set(server.records.map(({ level }) => level)), new Set(["debug"]));
});

for (const kind of ["guarded", "secure"] as const) {
  Deno.test(`listen() ${kind}: answers a client that ends its side at once, as programs of a few words of shell do`, async () => {
    await using server = await open(kind);
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    assert.match(await server.ask(get("/healthz/ready"), { endsFirst: true }), OK);
    assert.match(await server.ask(get("/page"), { endsFirst: true }), /up 1\n[^]*up 2\n[^]*0\r\n\r\n$/);
    const post = "POST /upload HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc";
    assert.match(await server.ask(post, { endsFirst: true }), /3 bytes$/);
    assert.match(await server.ask(get("/page") + get("/healthz/ready"), { endsFirst: true }), /up 2\n[^]*ok\n$/);
    const half = "POST /upload HTTP/1.0\r\nContent-Length: 30\r\n\r\nabc";
    assert.equal(await server.ask(half, { endsFirst: true }), "");
    assert.deepEqual(server.noise(), []);
  });

  Deno.test(`listen() ${kind}: resets the connection where it breaks off a response without a length`, async () => {
    await using bench = await openListener(kind, () =>
      new Response(ReadableStream.from((async function* () {
        yield await Promise.resolve(new TextEncoder().encode("up 1\nup"));
        throw new Error("the disk is gone");
      })())));
    using client = await bench.connect();
    await client.send("GET / HTTP/1.0\r\n\r\n");
    await assert.rejects(client.untilEnd(), "the half of a page looks like the whole");
    assert.deepEqual(bench.records.map(({ sentence }) => sentence), ["Failed to send a response to its end"]);
  });
}

Deno.test("listen() secure: puts up with checks that speak no TLS, or not to the end, and logs none of them", async () => {
  const { log, records } = recordingLog();
  await using bench = await openListener("secure", () => new Response("ok\n"), { log });
  const hello = "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03";
  for (const bytes of ["", "GET / HTTP/1.0\r\n\r\n", "PROXY UNKNOWN\r\n", hello]) {
    using client = await RawClient.connect(bench.listener.port);
    await client.send(latin1(bytes));
    if (bytes === "" || bytes === hello) await client.closeWrite();
    await client.untilClosed();
  }
  using good = await bench.connect();
  await good.send("GET / HTTP/1.0\r\n\r\n");
  assert.match(await good.untilClosed(), OK);
  assert.deepEqual(records, []);
});
