import assert from "node:assert/strict";
import { encodeFrame, FRAME_LIMITS, TRANSPORT_TYPES } from "../../../ring/transport/frames.ts";
import type { VersionRange } from "../../../ring/transport/hello.ts";
import { CLASS_LIMITS, MESSAGE_TYPES } from "../../../ring/protocol/mesh.ts";
import { TRANSPORT_LIMITS } from "../../../ring/transport/transport_limits.ts";
import { message, RingFolder, type RingMember } from "../../support/ring_members.ts";
import { helloHeader, RawPeer } from "../../support/raw_peer.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const folder = await RingFolder.create("a", "b", "x");
const own = await folder.credentials("x");
globalThis.addEventListener("unload", () => Deno.removeSync(folder.dir, { recursive: true }));

const UNLIMITED = { transport: Infinity, control: Infinity, data: Infinity };
const PING = MESSAGE_TYPES.PING.number;

/** A member that is linked with another one and with a raw peer, whose frames are the test's. */
async function linked(options?: Parameters<RingFolder["member"]>[1]) {
  await using stack = new AsyncDisposableStack();
  const a = stack.use(await folder.member("a", options)), b = stack.use(await folder.member("b"));
  await a.link(b);
  const rawPeer = stack.use(await RawPeer.join(portOf(a), own, helloHeader("x")));
  await a.next("up", (event) => event.kind === "up" && event.name === "x");
  const kept = stack.move();
  return { a, b, rawPeer, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

function portOf({ address }: RingMember): number {
  return Number(address.split(":")[1]);
}

async function assertUndisturbed(a: RingMember, b: RingMember): Promise<void> {
  for (const [from, to] of [[a, b], [b, a]] as const) {
    assert.ok(from.transport.send(to.name, message({ request: 77 })));
    await to.next("message", (event) => event.kind === "message" && event.message.request === 77);
    assert.deepEqual(from.events.filter((event) => event.kind === "down" && event.name === to.name), []);
  }
}

const OVERLONG = new Uint8Array(CLASS_LIMITS.control.frameBytes);
const GARBAGE: [what: string, bytes: Uint8Array, says: RegExp][] = [
  ["bytes that are no frame", new Uint8Array(20), /it begins with 0/],
  ["nothing", new Uint8Array(0), /it ends inside its prefix/],
  ["a header that is no JSON", garble({ header: { a: 1 } }), /its header is not JSON/],
  ["a second HELLO", encodeFrame({ version: 2, type: TRANSPORT_TYPES.hello, header: {} }), /a second HELLO/],
  ["a frame of another version", encodeFrame({ version: 3, type: PING, header: {} }), /a frame of version 3/],
  [
    "a control frame over its limit",
    encodeFrame({ version: 2, type: PING, header: {}, body: OVERLONG }, UNLIMITED),
    /PING has at most 262144 bytes/,
  ],
  [
    "a frame of the transport's own over its limit",
    encodeFrame({ version: 2, type: 9, header: {}, body: new Uint8Array(FRAME_LIMITS.transport) }, UNLIMITED),
    /type 9 has at most 4096 bytes/,
  ],
];

/** A frame whose JSON lacks its last byte. */
function garble({ header }: { header: Record<string, unknown> }): Uint8Array {
  const bytes = encodeFrame({ version: 2, type: PING, header });
  bytes[bytes.length - 1] = 0;
  return bytes;
}

for (const [what, bytes, says] of GARBAGE) {
  Deno.test(`Link survives ${what} twice, and ends at the third time`, async () => {
    await using together = await linked();
    const { a, b, rawPeer } = together;
    rawPeer.send(bytes);
    rawPeer.send(bytes);
    rawPeer.send({ version: 2, type: PING, request: 5, header: {} });
    assert.equal((await a.next("message")).message.request, 5);
    rawPeer.send(bytes);
    // What comes behind does not count any more.
    rawPeer.send({ version: 2, type: PING, request: 6, header: {} });
    const { type, header } = await rawPeer.frames.take();
    assert.equal(type, TRANSPORT_TYPES.refusal);
    assert.match(String(header.message), says);
    await rawPeer.closed;
    const down = await a.next("down");
    assert.equal(down.name, "x");
    assert.match(down.reason, says);
    assert.equal(await a.metric("telemeter_ring_malformed_frames_total"), 3);
    assert.equal(await a.metric('telemeter_ring_refused_total{reason="protocol"}'), 1);
    await assertUndisturbed(a, b);
    assert.equal(a.events.some((event) => event.kind === "message" && event.message.request === 6), false);
  });
}

Deno.test("Link forgets malformed frames: two of them a minute cost it nothing, and the third in a minute does", async () => {
  let aheadMs = 0;
  await using together = await linked({ now: () => performance.now() + aheadMs });
  const { a, b, rawPeer } = together;
  const garbage = new Uint8Array(20);
  for (let minute = 0; minute < 5; minute++) {
    rawPeer.send(garbage);
    rawPeer.send(garbage);
    rawPeer.send({ version: 2, type: PING, request: minute, header: {} });
    await a.next("message", (event) => event.kind === "message" && event.message.request === minute);
    aheadMs += TRANSPORT_LIMITS.protocolErrorsMs;
  }
  assert.equal(await a.metric("telemeter_ring_malformed_frames_total"), 10);
  for (let i = 0; i < TRANSPORT_LIMITS.maxProtocolErrors; i++) rawPeer.send(garbage);
  await rawPeer.closed;
  await assertUndisturbed(a, b);
});

Deno.test("Link ends at once for a message that is longer than any frame, before it is whole", async () => {
  await using together = await linked();
  const { a, b, rawPeer } = together;
  rawPeer.send(new Uint8Array(4 * CLASS_LIMITS.data.frameBytes));
  assert.equal(await rawPeer.closed, 1009);
  assert.equal((await a.next("down")).name, "x");
  assert.equal(await a.metric('telemeter_ring_refused_total{reason="oversize"}'), 1);
  assert.equal(await a.metric('telemeter_ring_frame_bytes_total{direction="received"}') < 10_000, true);
  await assertUndisturbed(a, b);
});

Deno.test("Link ignores and counts types of frames that a later generation knows", async () => {
  await using together = await linked();
  const { a, rawPeer } = together;
  for (const type of [9, 21, 200]) rawPeer.send({ version: 2, type, flags: 255, header: { of: "tomorrow" } });
  rawPeer.send({ version: 2, type: PING, flags: 7, request: 5, header: { later: true } });
  assert.deepEqual((await a.next("message")).message.header, { later: true });
  assert.equal(await a.metric("telemeter_ring_ignored_frames_total"), 3);
  assert.equal(await a.metric("telemeter_ring_malformed_frames_total"), 0);
});

Deno.test("Link is given up when its peer answers nothing any more", async () => {
  await using together = await linked({ limits: { pingMs: 50, silentMs: 200 } });
  const { a, b, rawPeer } = together;
  rawPeer.webSocket.pause();
  const { name, reason } = await a.next("down");
  assert.equal(name, "x");
  assert.match(reason, /^Nothing arrived for \d+ ms$/);
  await assertUndisturbed(a, b);
  rawPeer.webSocket.resume();
  await rawPeer.closed;
});

for (
  const [ofA, ofB, version] of [
    [[1, 2], [1, 1], 1],
    [[1, 1], [1, 2], 1],
    [[1, 2], [1, 2], 2],
    [[1, 3], [2, 9], 3],
    [[2, 3], [1, 2], 2],
    [[1, 1], [2, 2], undefined],
    [[3, 9], [1, 2], undefined],
  ] as [[number, number], [number, number], number | undefined][]
) {
  const range = ([oldest, newest]: [number, number]): VersionRange => ({ oldest, newest });
  const outcome = version === undefined ? "does not link" : `speaks ${version}`;
  Deno.test(`Link of one that speaks ${ofA.join("..")} and dials one that speaks ${ofB.join("..")} ${outcome}`, async () => {
    await using a = await folder.member("a", { versions: range(ofA) });
    await using b = await folder.member("b", { versions: range(ofB) });
    a.transport.dial(b.address);
    if (version === undefined) {
      const { refusal } = await a.next("failed");
      assert.equal(refusal.code, "version");
      const [versionsOfA, versionsOfB] = [ofA, ofB].map((versions) => versions.join(" to "));
      assert.equal(refusal.message, `b speaks versions ${versionsOfB} of the frames, not ${versionsOfA}`);
      assert.equal(await b.metric('telemeter_ring_refused_total{reason="version"}'), 1);
      return;
    }
    await Promise.all([a.next("up"), b.next("up")]);
    assert.deepEqual([a, b].map(({ transport }) => transport.status()[0].version), [version, version]);
    await assertUndisturbed(a, b);
    assert.equal(await a.metric("telemeter_ring_malformed_frames_total"), 0);
  });
}
