import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectPlain } from "node:net";
import { connect, type ConnectionOptions } from "node:tls";
import { encodeFrame, FRAME_LIMITS, TRANSPORT_TYPES } from "../../../ring/transport/frames.ts";
import { RING_PATH } from "../../../ring/transport/listener.ts";
import { issueCertificate, makeAuthority } from "../../../scripts/certificates/issue_certificate.ts";
import { message, RingFolder, type RingMember } from "../../support/ring_members.ts";
import { connectTls, type Credentials, helloHeader, RawPeer, sendRaw, untilCut } from "../../support/raw_peer.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const folder = await RingFolder.create("a", "b", "x");
const own: Credentials = await folder.credentials("x");
const { ca } = own;
const [clusters, foreign] = [{ cert: ca, key: await folder.read("ca.key") }, await makeAuthority()];
const hosts = ["127.0.0.1"], DAY_MS = 86_400_000;
globalThis.addEventListener("unload", () => Deno.removeSync(folder.dir, { recursive: true }));

/** Resolves once a plain connection is cut, on which nothing is sent but these bytes. */
async function hold(port: number, bytes?: string): Promise<void> {
  const socket = connectPlain(port, "127.0.0.1");
  if (bytes) socket.write(bytes);
  await untilCut(socket);
}

async function holdTls(port: number, options: ConnectionOptions = {}): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port, checkServerIdentity: () => undefined, ca, ...options });
  await untilCut(socket);
}

/** One who is connected by WebSocket, and what he does then; resolves once he is cut off. */
async function greet(port: number, act: (rawPeer: RawPeer) => void): Promise<void> {
  using rawPeer = await RawPeer.connect(port, own);
  act(rawPeer);
  await rawPeer.closed;
}

function hello(fields: Record<string, unknown> = {}) {
  const limits = { ...FRAME_LIMITS, transport: Infinity };
  return encodeFrame({ version: 2, type: TRANSPORT_TYPES.hello, header: helloHeader("x", fields) }, limits);
}

interface Attack {
  readonly what: string;
  /** Resolves once he is cut off. */
  readonly by: (port: number) => Promise<unknown>;
  /** Under which he is counted. */
  readonly reason: string;
  /** What the log says of him. */
  readonly says: RegExp;
}

const ATTACKS: Attack[] = [
  { what: "shows no certificate", by: (port) => holdTls(port), reason: "no-certificate", says: /^It presents no cert/ },
  {
    what: "has a certificate of another authority",
    by: async (port) => holdTls(port, await issueCertificate("x", { authority: foreign, hosts, days: 1 })),
    reason: "certificate",
    says: /^Its certificate has expired, or --cluster-ca did not sign it: /,
  },
  {
    what: "has a certificate that has expired",
    by: async (port) => {
      const plan = { authority: clusters, hosts, days: 1, now: Date.now() - 3 * DAY_MS };
      await holdTls(port, await issueCertificate("x", plan));
    },
    reason: "certificate",
    says: /^Its certificate has expired, or --cluster-ca did not sign it: /,
  },
  {
    what: "speaks no newer TLS than 1.2",
    by: (port) => holdTls(port, { ...own, maxVersion: "TLSv1.2" }),
    reason: "handshake",
    says: /^The TLS handshake failed: /,
  },
  { what: "says nothing at all", by: (port) => hold(port), reason: "timeout", says: /^It took too long/ },
  {
    what: "begins a TLS handshake and says no more",
    by: (port) => hold(port, "\x16\x03\x01\x02\x00"),
    reason: "timeout",
    says: /^It took too long/,
  },
  {
    what: "ends the TLS handshake and says no more",
    by: (port) => holdTls(port, own),
    reason: "timeout",
    says: /long/,
  },
  {
    what: "opens the WebSocket and says no more",
    by: (port) => greet(port, () => {}),
    reason: "timeout",
    says: /long/,
  },
  {
    what: "sends HELLO and no READY",
    by: (port) => greet(port, (rawPeer) => rawPeer.send(hello())),
    reason: "timeout",
    says: /^It took too long/,
  },
  {
    what: "speaks HTTP without TLS",
    by: (port) => sendRaw(port, "GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
    reason: "handshake",
    says: /^The TLS handshake failed: /,
  },
  {
    what: "asks for a page",
    by: (port) => sendRaw(port, `GET ${RING_PATH} HTTP/1.1\r\nhost: x\r\n\r\n`, own),
    reason: "http",
    says: /^It asks for something other/,
  },
  {
    what: "asks for a WebSocket elsewhere",
    by: (port) =>
      sendRaw(port, "GET /else HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", own),
    reason: "http",
    says: /^It asks for something other/,
  },
  {
    what: "sends bytes that are no HTTP",
    by: (port) => sendRaw(port, "\0\0\0\0\r\n\r\n", own),
    reason: "http",
    says: /^What it sends is not HTTP/,
  },
  {
    what: "sends a request with headers without end",
    by: (port) => sendRaw(port, `GET ${RING_PATH} HTTP/1.1\r\n` + `x: ${"y".repeat(1_000)}\r\n`.repeat(10), own),
    reason: "http",
    says: /^What it sends is not HTTP/,
  },
  {
    what: "sends text",
    by: (port) => greet(port, ({ webSocket }) => webSocket.send("hello")),
    reason: "hello",
    says: /^Cannot read a frame: it is text/,
  },
  {
    what: "sends bytes that are no frame",
    by: (port) => greet(port, (rawPeer) => rawPeer.send(crypto.getRandomValues(new Uint8Array(100)).fill(7, 0, 1))),
    reason: "hello",
    says: /^Cannot read a frame: it begins with 7/,
  },
  {
    what: "sends a message before HELLO",
    by: (port) => greet(port, (rawPeer) => rawPeer.send({ version: 2, type: 16, header: {} })),
    reason: "hello",
    says: /^Cannot read a frame before HELLO/,
  },
  {
    what: "sends a message in place of READY",
    by: (port) =>
      greet(port, (rawPeer) => {
        rawPeer.send(hello());
        rawPeer.send({ version: 2, type: 16, header: {} });
      }),
    reason: "hello",
    says: /^Cannot read a frame before READY/,
  },
  {
    what: "sends a HELLO without fields",
    by: (port) => greet(port, (rawPeer) => rawPeer.send({ version: 2, type: TRANSPORT_TYPES.hello, header: {} })),
    reason: "hello",
    says: /^Cannot read HELLO: its incarnation must be/,
  },
  {
    what: "sends a HELLO over the limit",
    by: (port) => greet(port, (rawPeer) => rawPeer.send(hello({ later: "x".repeat(FRAME_LIMITS.transport) }))),
    reason: "hello",
    says: /^Cannot read a frame: HELLO has at most 4096 bytes, and this one \d+/,
  },
  {
    what: "sends a megabyte in place of a HELLO",
    by: (port) => greet(port, (rawPeer) => rawPeer.send(new Uint8Array(1_000_000))),
    reason: "oversize",
    says: /^HELLO is too long/,
  },
  {
    what: "says a name that is not in its certificate",
    by: (port) => greet(port, (rawPeer) => rawPeer.send(hello({ name: "b" }))),
    reason: "name",
    says: /^The certificate does not have the name "b"/,
  },
  {
    what: "is of another cluster",
    by: (port) => greet(port, (rawPeer) => rawPeer.send(hello({ cluster: "other" }))),
    reason: "cluster",
    says: /^a is in cluster "test", not "other"/,
  },
  {
    what: "has other token keys",
    by: (port) => greet(port, (rawPeer) => rawPeer.send(hello({ keys: { signing: "k", verifying: ["k"] } }))),
    reason: "keys",
    says: /do not verify each other's tokens/,
  },
  {
    what: "speaks other versions of the frames",
    by: (port) => greet(port, (rawPeer) => rawPeer.send(hello({ versions: [1, 1] }))),
    reason: "version",
    says: /^a speaks versions 2 to 2 of the frames, not 1 to 1/,
  },
];

function complaints({ records }: RingMember): unknown[] {
  return records.filter(({ sentence }) => sentence === "Refused a ring connection");
}

for (const { what, by, reason, says } of ATTACKS) {
  Deno.test(`Transport cuts off one who ${what}, counts it, logs it once, and goes on`, async () => {
    // Long enough for a link to come up on a busy machine.
    await using a = await folder.member("a", reason === "timeout" ? { limits: { helloTimeoutMs: 700 } } : {});
    await using b = await folder.member("b");
    await a.link(b);
    const port = Number(a.address.split(":")[1]);
    await Promise.all([by(port), by(port), by(port)]);
    assert.equal(await a.metric(`telemeter_ring_refused_total{reason="${reason}"}`), 3);
    const [{ fields }, ...more] = complaints(a) as { fields: Record<string, string> }[];
    assert.deepEqual([fields.address, fields.reason, more], ["127.0.0.1", reason, []]);
    assert.match(fields.message, says);
    for (const [from, to] of [[a, b], [b, a]] as const) {
      assert.ok(from.transport.send(to.name, message()));
      await to.next("message");
      assert.equal(from.events.some(({ kind }) => kind === "down"), false);
    }
  });
}

Deno.test("Transport cuts off whom --peer-allow does not list, on either end", async () => {
  await using a = await folder.member("a", { peerAllow: new Set(["b"]) });
  await using x = await folder.member("x");
  x.transport.dial(a.address);
  const refusal = { code: "not-allowed", message: '--peer-allow of a does not list "x"' };
  assert.deepEqual((await x.next("failed")).refusal, refusal);
  a.transport.dial(x.address);
  assert.deepEqual((await a.next("failed")).refusal, { ...refusal, isOurs: true });
  assert.equal(await a.metric('telemeter_ring_refused_total{reason="peer-allow"}'), 2);
  await using b = await folder.member("b");
  await b.link(a);
});

Deno.test("Transport does not take one for a member whose certificate another authority signed, when it dials", async () => {
  await using others = await RingFolder.create("b");
  await using b = await others.member("b");
  await using a = await folder.member("a");
  a.transport.dial(b.address);
  const { code, message } = (await a.next("failed")).refusal;
  assert.equal(code, "handshake");
  assert.match(message, /: our --cluster-ca did not sign its certificate, or that has expired$/);
  b.transport.dial(a.address);
  assert.match(
    (await b.next("failed")).refusal.message,
    /: our --cluster-ca did not sign its certificate, or that has expired$/,
  );
});

Deno.test("Transport logs one who comes again and again once a minute, with how often that was", async () => {
  let now = 0;
  await using a = await folder.member("a", { now: () => now });
  const port = Number(a.address.split(":")[1]);
  const come = () => sendRaw(port, "no TLS");
  for (let index = 0; index < 20; index++) await come();
  now = 59_999;
  await come();
  assert.equal(complaints(a).length, 1);
  now = 60_000;
  await come();
  const { fields } = complaints(a)[1] as { fields: Record<string, unknown> };
  assert.equal(fields.unsaid, 20);
  assert.equal(await a.metric('telemeter_ring_refused_total{reason="handshake"}'), 22);
});

Deno.test("Transport lets so many connections in from an address, and so many in all, links not counted out", async () => {
  for (const limits of [{ maxConnectionsPerAddress: 10 }, { maxConnections: 10 }]) {
    await using a = await folder.member("a", { limits: { helloTimeoutMs: 700, ...limits } });
    await using b = await folder.member("b");
    await b.link(a);
    const port = Number(a.address.split(":")[1]);
    const held = Array.from({ length: 30 }, () => hold(port));
    await Promise.all(held);
    assert.equal(await a.metric('telemeter_ring_refused_total{reason="connections"}'), 21);
    assert.equal(await a.metric('telemeter_ring_refused_total{reason="timeout"}'), 9);
    assert.equal(complaints(a).length, 1);
    assert.ok(b.transport.send("a", message()));
    await a.next("message");
  }
});

Deno.test("Transport links a member while strangers hold all places, be they of its address or not", async () => {
  for (const limits of [{ maxConnectionsPerAddress: 10 }, { maxConnections: 10 }]) {
    await using a = await folder.member("a", { limits });
    const port = Number(a.address.split(":")[1]);
    const sockets = Array.from({ length: 10 }, () => connectPlain(port, "127.0.0.1"));
    const cut = sockets.map(untilCut);
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    await using b = await folder.member("b");
    await b.link(a);
    await Promise.race(cut);
    assert.equal(await a.metric('telemeter_ring_refused_total{reason="connections"}'), 1);
    for (const socket of sockets) socket.destroy();
    await Promise.all(cut);
  }
});

Deno.test("Transport has a network of strangers drive out its own, and begin only so many handshakes a second", async () => {
  const limits = { maxConnections: 12, maxConnectionsPerNetwork: 6, maxConnectionsPerSecondPerNetwork: 40 };
  await using a = await folder.member("a", { now: () => 0, limits });
  const port = Number(a.address.split(":")[1]);
  const other = connectPlain({ port, host: "127.0.0.1", localAddress: "127.2.0.1" }), otherCut = untilCut(other);
  await once(other, "connect");
  const strangers = Array.from({ length: 60 }, (_, n) => {
    return connectPlain({ port, host: "127.0.0.1", localAddress: `127.1.0.${n}` });
  });
  const cut = strangers.map(untilCut);
  await Promise.all(strangers.map((socket) => once(socket, "connect")));
  await Promise.race([Promise.all(cut.slice(0, 34)), otherCut]);
  await using b = await folder.member("b");
  await b.link(a);
  assert.equal(await a.metric('telemeter_ring_refused_total{reason="connections"}'), 34);
  assert.equal(await a.metric('telemeter_ring_refused_total{reason="rate"}'), 20);
  assert(!other.destroyed, "one of another network has given way");
  for (const socket of [other, ...strangers]) socket.destroy();
  await Promise.all([...cut, otherCut]);
});

Deno.test("Transport lets no more links in than there may be connections", async () => {
  await using a = await folder.member("a", { limits: { maxConnections: 1 } });
  await using b = await folder.member("b");
  await b.link(a);
  await using x = await folder.member("x");
  x.transport.dial(a.address);
  assert.equal((await x.next("failed")).refusal.code, "handshake");
  assert.equal(await a.metric('telemeter_ring_refused_total{reason="connections"}'), 1);
  assert.ok(b.transport.send("a", message()));
  await a.next("message");
});

Deno.test("Transport begins only so many handshakes a second with those of one address", async () => {
  let now = 0;
  await using a = await folder.member("a", { now: () => now, limits: { maxConnectionsPerSecond: 5 } });
  const port = Number(a.address.split(":")[1]);
  for (let index = 0; index < 8; index++) await sendRaw(port, "no TLS");
  assert.equal(await a.metric('telemeter_ring_refused_total{reason="rate"}'), 3);
  assert.equal(await a.metric('telemeter_ring_refused_total{reason="handshake"}'), 5);
  now = 1_000;
  await using b = await folder.member("b");
  await b.link(a);
});

Deno.test("Transport closes while strangers hold connections in every phase", async () => {
  const a = await folder.member("a");
  const port = Number(a.address.split(":")[1]);
  using rawPeer = await RawPeer.connect(port, own);
  using saidHello = await RawPeer.connect(port, own);
  saidHello.send(hello());
  await saidHello.frames.take();
  const tls = connectTls(port, own), plain = connectPlain(port, "127.0.0.1");
  const cut = [tls, plain].map(untilCut);
  await Promise.all([once(tls, "secureConnect"), once(plain, "connect")]);
  await a[Symbol.asyncDispose]();
  await Promise.all([...cut, rawPeer.closed, saidHello.closed]);
});
