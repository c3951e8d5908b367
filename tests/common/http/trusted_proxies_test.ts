/** Listeners behind proxies that say whose a connection or a request is. */

import assert from "node:assert/strict";
import { type Handler, readBody } from "../../../common/http/http.ts";
import type { ListenOptions } from "../../../common/http/listener.ts";
import { Networks } from "../../../common/http/networks.ts";
import { openListener } from "../../support/any_listener.ts";
import { RawClient } from "../../support/raw_client.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const echo: Handler = async (request, { address }) => {
  const { length } = await readBody(request, { limitBytes: 100_000 });
  return new Response(`${length} bytes of ${address}\n`);
};

const open = (kind: "guarded" | "secure", more: Partial<ListenOptions> = {}) =>
  openListener(kind, echo, { trustedProxies: new Networks(["127.0.0.0/8", "10.0.0.0/8"]), ...more });

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const V1 = "PROXY TCP4 192.0.2.7 127.0.0.1 12345 9003\r\n";
const V2 = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\x00\x02\x07\x7f\0\0\x01\x30\x39\x23\x2b";
const LOCAL = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const GET = "GET / HTTP/1.0\r\n\r\n";
const POST = `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 70000\r\n\r\n${"x".repeat(70_000)}`;

Deno.test("listen() with trusted proxies takes the client's address from the PROXY protocol, however it arrives", async () => {
  await using bench = await open("guarded");
  const rows: [pieces: string[], answer: string][] = [
    [[GET], "0 bytes of 127.0.0.1"],
    [[V1 + GET], "0 bytes of 192.0.2.7"],
    [[V2 + GET], "0 bytes of 192.0.2.7"],
    [[LOCAL + GET], "0 bytes of 127.0.0.1"],
    [["PROXY UNKNOWN\r\n" + GET], "0 bytes of 127.0.0.1"],
    [[V1.slice(0, 3), V1.slice(3, -1), V1.slice(-1), GET], "0 bytes of 192.0.2.7"],
    [[V2.slice(0, 1), V2.slice(1, 20), V2.slice(20), GET.slice(0, 5), GET.slice(5)], "0 bytes of 192.0.2.7"],
    [[V1 + POST], "70000 bytes of 192.0.2.7"],
    [[V2 + POST.slice(0, 100), POST.slice(100)], "70000 bytes of 192.0.2.7"],
    [["PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n" + GET], "0 bytes of 192.0.2.7"],
    [["P", "OST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx"], "1 bytes of 127.0.0.1"],
    [["\r\n", GET], "0 bytes of 127.0.0.1"],
  ];
  for (const [pieces, answer] of rows) {
    using client = await bench.connect();
    for (const piece of pieces) {
      await client.send(latin1(piece));
      // So that the pieces arrive as such: the listener has answered another one meanwhile.
      if (pieces.length > 1) await (await bench.get("/")).body?.cancel();
    }
    assert.equal(
      (await client.untilClosed()).split("\r\n\r\n")[1],
      `${answer}\n`,
      JSON.stringify(pieces[0].slice(0, 60)),
    );
  }
});

Deno.test("listen() with trusted proxies takes their headers for their clients, request by request", async () => {
  await using bench = await open("guarded");
  using client = await bench.connect();
  const rows: [headers: string, address: string][] = [
    ["", "127.0.0.1"],
    ["X-Forwarded-For: 198.51.100.1, 192.0.2.7\r\n", "192.0.2.7"],
    ["X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 192.0.2.7, 10.1.1.1\r\n", "192.0.2.7"],
    ['Forwarded: for="[2001:db8::7]:80";proto=https\r\n', "2001:db8::7"],
    ["Forwarded: for=192.0.2.8\r\nX-Forwarded-For: 192.0.2.7\r\n", "127.0.0.1"],
  ];
  for (const [headers, address] of rows) {
    client.received = "";
    await client.send(`GET / HTTP/1.1\r\nHost: a\r\n${headers}\r\n`);
    assert.equal((await client.until(/bytes of (.*)\n$/))[1], address, headers);
  }
});

Deno.test("listen() with trusted proxies does not believe a client behind one that the PROXY protocol names", async () => {
  await using bench = await open("guarded");
  for (const start of [V1, V2]) {
    using client = await bench.connect();
    await client.send(latin1(`${start}GET / HTTP/1.0\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n`));
    assert.match(await client.untilClosed(), /0 bytes of 192\.0\.2\.7\n$/);
    using twice = await bench.connect();
    await twice.send(latin1(start + start + GET));
    assert.match(await twice.untilClosed(), /^HTTP\/1\.1 400 [^]*Cannot take the PROXY protocol from this address/);
  }
  using chained = await bench.connect();
  await chained.send(`PROXY TCP4 10.0.0.9 127.0.0.1 1 2\r\nGET / HTTP/1.0\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n`);
  assert.match(await chained.untilClosed(), /0 bytes of 203\.0\.113\.1\n$/);
});

Deno.test("listen() believes nobody whom it was not told to trust", async () => {
  for (const trustedProxies of [undefined, new Networks(["10.0.0.0/8"])]) {
    await using bench = await open("guarded", { trustedProxies });
    using header = await bench.connect();
    await header.send("GET / HTTP/1.0\r\nX-Forwarded-For: 192.0.2.7\r\nForwarded: for=192.0.2.7\r\n\r\n");
    assert.match(await header.untilClosed(), /0 bytes of 127\.0\.0\.1\n$/);
    using protocol = await bench.connect();
    await protocol.send(latin1(V1 + GET));
    assert.match(await protocol.untilClosed(), /^HTTP\/1\.1 400 [^]*name it in --trusted-proxy/);
  }
});

Deno.test("listen() with trusted proxies reads the PROXY protocol before TLS, also in one packet with the handshake", async () => {
  await using bench = await open("secure");
  for (const start of [V1, V2, ""]) {
    using relay = relayTo(bench.listener.port, latin1(start));
    const { cert } = bench;
    using client = await RawClient.connect(relay.port, { caCert: cert });
    await client.send(POST);
    assert.match(
      await client.untilClosed(),
      new RegExp(`70000 bytes of ${start === "" ? "127.0.0.1" : "192.0.2.7"}\n$`),
    );
  }
});

Deno.test("listen() with trusted proxies caps the connections of a client behind one, and not of the proxy", async () => {
  await using bench = await open("guarded", { hostile: { maxConnectionsPerAddress: 2, maxConnections: 20 } });
  using stack = new DisposableStack();
  const connect = async (start: string) => {
    const client = stack.use(await bench.connect());
    await client.send(`${start}GET / HTTP/1.1\r\nHost: a\r\n\r\n`);
    return client;
  };
  for (let n = 0; n < 5; n++) await (await connect("")).until(/0 bytes of 127\.0\.0\.1\n$/);
  for (let n = 0; n < 2; n++) await (await connect(V1)).until(/0 bytes of 192\.0\.2\.7\n$/);
  assert.equal(await (await connect(V1)).untilClosed(), "");
  await (await connect(V1.replace("2.7", "2.8"))).until(/0 bytes of 192\.0\.2\.8\n$/);
});

Deno.test("listen() with trusted proxies has a network of clients behind one make room within itself", async () => {
  const hostile = { maxConnectionsPerNetwork: 3, maxConnections: 5, yieldAfterMs: 0 };
  await using bench = await open("guarded", { hostile });
  using stack = new DisposableStack();
  const connect = async (source: string) => {
    const client = stack.use(await bench.connect());
    await client.send(`${V1.replace("192.0.2.7", source)}GET / HTTP/1.1\r\nHost: a\r\n\r\n`);
    await client.until(/0 bytes of (\S+)\n$/);
    return client;
  };
  const other = await connect("198.51.100.1");
  const crowd: RawClient[] = [];
  for (let n = 0; n < 6; n++) crowd.push(await connect(`192.0.2.${n}`));
  for (const client of crowd.slice(0, 3)) await client.untilClosed();
  const last = await connect("203.0.113.1");
  for (const client of [other, ...crowd.slice(3), last]) {
    client.received = "";
    await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.until(/0 bytes of (\S+)\n$/);
  }
});

Deno.test("listen() with trusted proxies keeps its times while a header is on its way, and survives whoever leaves in it", async () => {
  await using bench = await open("guarded", { hostile: { headersTimeoutMs: 100, lingerMs: 20 } });
  for (const start of ["", "PROXY", V1]) {
    using slow = await bench.connect();
    await slow.send(start);
    assert.match(await slow.untilClosed(), start === "" ? /^$/ : /^HTTP\/1\.1 408 /);
    using leaving = await bench.connect();
    await leaving.send(start);
    await leaving.closeWrite();
    assert.equal(await leaving.untilClosed(), "");
  }
  using broken = await bench.connect();
  await broken.send("PROXY TCP4 no no 1 2\r\n");
  assert.match(await broken.untilClosed(), /^HTTP\/1\.1 400 [^]*Cannot read the header of the PROXY protocol/);
  assert.equal(await (await bench.get("/")).text(), "0 bytes of 127.0.0.1\n");
  assert.deepEqual(bench.records.filter(({ level }) => level !== "debug"), []);
});

/** A balancer that knows nothing of what it passes on, and puts `start` into one packet with the first bytes. */
function relayTo(port: number, start: Uint8Array) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  (async () => {
    const inner = await listener.accept().catch(() => undefined);
    if (inner === undefined) return;
    const outer = await Deno.connect({ hostname: "127.0.0.1", port });
    const first = new Uint8Array(65_536), length = await inner.read(first) ?? 0;
    await outer.write(new Uint8Array([...start, ...first.subarray(0, length)]));
    await Promise.all([
      inner.readable.pipeTo(outer.writable).catch(() => {}),
      outer.readable.pipeTo(inner.writable).catch(() => {}),
    ]);
  })();
  return { port: listener.addr.port, [Symbol.dispose]: () => listener.close() };
}
