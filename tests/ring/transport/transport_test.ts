import assert from "node:assert/strict";
import { join } from "node:path";
import { CLASS_LIMITS, type RefusalCode } from "../../../ring/protocol/mesh.ts";
import { freePort } from "../../../scripts/process/free_port.ts";
import { Wire } from "../../faults/wire.ts";
import { message, RingFolder, type RingMember } from "../../support/ring_members.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const folder = await RingFolder.create("a", "b", "c");
globalThis.addEventListener("unload", () => Deno.removeSync(folder.dir, { recursive: true }));

/** Who a member is linked with, and who dialled. */
function linksOf(member: RingMember): string[] {
  return member.transport.status().map(({ name, dialledBy }) => `${name} by ${dialledBy}`).sort();
}

Deno.test("Transport links members, and carries messages both ways", async () => {
  await using a = await folder.member("a");
  await using b = await folder.member("b");
  await a.link(b);
  assert.deepEqual(await b.next("up"), { kind: "up", name: "a", boot: a.boot });
  const put = message({ type: "PUT", request: 7, header: { id: "ü" }, body: new Uint8Array([1, 2, 255]) });
  assert.equal(a.transport.send("b", put), true);
  assert.deepEqual(await b.next("message"), { kind: "message", from: "a", message: put });
  assert.equal(b.transport.send("a", message({ type: "PUT_OK", request: 7 })), true);
  assert.deepEqual((await a.next("message")).message.type, "PUT_OK");
  assert.equal(a.transport.send("c", put), false);
  assert.equal(await a.metric('telemeter_ring_dials_total{result="up"}'), 1);
  assert.equal(await a.metric("telemeter_ring_links"), 1);
});

Deno.test("Transport meshes three members that all dial each other, with one link a pair that the lower name dialled", async () => {
  for (let round = 0; round < 5; round++) {
    await using a = await folder.member("a");
    await using b = await folder.member("b");
    await using c = await folder.member("c");
    const members = [a, b, c];
    const dials = members.flatMap((from) => members.filter((to) => to !== from).map((to) => ({ from, to })));
    for (const { from, to } of dials) from.transport.dial(to.address);
    // Each dial ends in a link that is up, be it its own or the other one's.
    await Promise.all(dials.map(({ from, to }) =>
      from.next("up", (event) => {
        return event.kind === "up" && event.dialled === to.address && event.name === to.name;
      })
    ));
    for (const { from, to } of dials) assert.ok(from.transport.send(to.name, message({ request: 1 })));
    await Promise.all(dials.map(({ from, to }) =>
      to.next("message", (event) => {
        return event.kind === "message" && event.from === from.name;
      })
    ));
    assert.deepEqual(members.map(linksOf), [["b by a", "c by a"], ["a by a", "c by b"], ["a by a", "b by b"]]);
    for (const { events } of members) {
      assert.deepEqual(events.filter(({ kind }) => kind === "down" || kind === "failed"), []);
    }
  }
});

Deno.test("Transport loses and repeats nothing while one link takes the place of another", async () => {
  await using a = await folder.member("a");
  await using b = await folder.member("b");
  await b.link(a);
  await a.next("up");
  let sent = 0;
  const numbers = (member: RingMember) =>
    member.events.flatMap((event) => event.kind === "message" ? [event.message.request] : []);
  const send = (count: number) => {
    for (; count > 0; count--) {
      sent++;
      for (const [from, to] of [[a, "b"], [b, "a"]] as const) {
        assert.ok(from.transport.send(to, message({ request: sent })));
      }
    }
  };
  send(50);
  // Dialled by the lower name: takes the place of the one that is there.
  const linked = a.link(b);
  while (linksOf(b)[0] !== "a by a") {
    send(1);
    await b.next("message");
  }
  await linked;
  send(500);
  for (const member of [a, b]) {
    await member.next("message", (event) => event.kind === "message" && event.message.request === sent);
  }
  const expected = Array.from({ length: sent }, (_, index) => index + 1);
  assert.deepEqual(numbers(b), expected);
  assert.deepEqual(numbers(a), expected);
  assert.deepEqual(b.events.filter(({ kind }) => kind === "down"), []);
});

Deno.test("Transport tells of a member that stops and of its successor", async () => {
  await using a = await folder.member("a");
  const b = await folder.member("b");
  await a.link(b);
  await b[Symbol.asyncDispose]();
  assert.equal((await a.next("down")).name, "b");
  a.transport.dial(b.address);
  assert.deepEqual((await a.next("failed")).refusal, {
    code: "unreachable",
    message: `Cannot reach ${b.address}: nobody listens there`,
    nobodyListens: true,
  });
  await using again = await folder.member("b", { port: Number(b.address.split(":")[1]) });
  await a.link(again);
  assert.notEqual(again.boot, b.boot);
  assert.ok(a.transport.send("b", message()));
  assert.equal((await again.next("message")).from, "a");
});

Deno.test("Transport puts a restarted member in the place of its former process, whose end has not shown yet", async () => {
  await using a = await folder.member("a");
  await using b = await folder.member("b");
  await b.link(a);
  await a.next("up");
  await using again = await folder.member("b");
  await again.link(a);
  assert.equal((await a.next("down")).reason, "The member has restarted");
  assert.deepEqual(await a.next("up"), { kind: "up", name: "b", boot: again.boot });
  assert.equal((await b.next("down")).reason, "Another process has the name b now");
});

Deno.test("Transport refuses whom its handlers do not admit, and tells them why", async () => {
  const refusal = { code: "name-taken", message: "b is alive elsewhere" } as const;
  await using a = await folder.member("a", { handlers: { admit: ({ name }) => name === "b" ? refusal : undefined } });
  await using b = await folder.member("b");
  await using c = await folder.member("c");
  b.transport.dial(a.address);
  assert.deepEqual((await b.next("failed")).refusal, refusal);
  a.transport.dial(b.address);
  assert.deepEqual((await a.next("failed")).refusal, { ...refusal, isOurs: true });
  await c.link(a);
  await a.next("up");
  assert.deepEqual([linksOf(a), linksOf(b)], [["c by c"], []]);
  assert.equal(await a.metric('telemeter_ring_refused_total{reason="not-admitted"}'), 2);
  assert.deepEqual(b.events.filter(({ kind }) => kind === "up"), []);
});

Deno.test("Transport.cut() tells the peer why", async () => {
  await using a = await folder.member("a");
  await using b = await folder.member("b");
  await a.link(b);
  await b.next("up");
  a.transport.cut("b", { code: "name-taken", message: "Two of one name" });
  assert.equal(a.transport.send("b", message()), false);
  assert.equal(a.events.some(({ kind }) => kind === "down"), false, "not from within the call");
  assert.deepEqual(await a.next("down"), { kind: "down", name: "b", reason: "Two of one name" });
  assert.deepEqual(await b.next("down"), { kind: "down", name: "a", reason: "Two of one name" });
  a.transport.cut("b", { code: "name-taken", message: "It is gone" });
  await a.link(b);
});

Deno.test("Transport does not link with itself", async () => {
  await using a = await folder.member("a");
  a.transport.dial(a.address);
  assert.equal((await a.next("failed")).refusal.code, "self");
  assert.deepEqual(linksOf(a), []);
});

Deno.test("Transport tells why a dial came to nothing", async () => {
  await using a = await folder.member("a", { limits: { helloTimeoutMs: 100 } });
  await using http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => new Response());
  using silent = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const accepted = silent.accept();
  accepted.catch(() => {});
  const rows: [string, RegExp, RefusalCode?][] = [
    ["127.0.0.1:1", /^Cannot reach 127\.0\.0\.1:1: nobody listens there$/],
    ["nowhere", /^Cannot reach nowhere: Cannot read 'nowhere' as an address: write HOST:PORT/],
    ["a/b@c:1", /write HOST:PORT$/],
    [":1", /write HOST:PORT$/],
    [`127.0.0.1:${http.addr.port}`, /it does not speak TLS$/, "handshake"],
    [`127.0.0.1:${silent.addr.port}`, /^(It did not answer in time|Cannot reach 127\.0\.0\.1:\d+: .*timed out)$/],
  ];
  for (const [address, message, code = "unreachable"] of rows) {
    a.transport.dial(address);
    a.transport.dial(address);
    const { refusal } = await a.next("failed", (event) => event.kind === "failed" && event.address === address);
    assert.equal(refusal.code, code);
    assert.match(refusal.message, message);
  }
  assert.equal(a.events.length, rows.length, "two dials at a time are one");
  assert.equal(await a.metric('telemeter_ring_dials_total{result="unreachable"}'), rows.length - 1);
  assert.equal(await a.metric('telemeter_ring_dials_total{result="handshake"}'), 1);
  (await accepted).close();
});

Deno.test("Transport sends control before data, and takes no more than fits its queues", async () => {
  await using a = await folder.member("a");
  await using b = await folder.member("b");
  await a.link(b);
  const put = message({ type: "PUT", body: new Uint8Array(CLASS_LIMITS.data.frameBytes - 100) });
  let puts = 0;
  while (a.transport.send("b", put)) puts++;
  assert.ok(a.transport.send("b", message({ type: "PING" })));
  const { queued: { control, data } } = a.transport.status()[0];
  assert.ok(control > 0 && data > 0);
  // What the queue holds, and what the socket took of it.
  assert.ok(puts >= 16 && puts <= 18, `${puts}`);
  assert.equal(await a.metric('telemeter_ring_queue_full_total{class="data"}'), 1);
  assert.equal(await a.metric('telemeter_ring_queued_bytes{class="data"}'), data);
  for (let index = 0; index < puts + 1; index++) await b.next("message");
  const order = b.events.flatMap((event) => event.kind === "message" ? [event.message.type] : []);
  assert.ok(order.indexOf("PING") <= 2, `${order.indexOf("PING")}`);
  assert.equal(order.length, puts + 1);
  assert.throws(() => a.transport.send("b", message({ type: "PING", body: new Uint8Array(300_000) })), RangeError);
});

Deno.test("Transport sends what waits before it closes", async () => {
  const a = await folder.member("a");
  await using b = await folder.member("b");
  await a.link(b);
  const put = message({ type: "PUT", body: new Uint8Array(100_000) });
  for (let index = 0; index < 50; index++) assert.ok(a.transport.send("b", put));
  await a[Symbol.asyncDispose]();
  await b.next("down");
  assert.equal(b.events.filter(({ kind }) => kind === "message").length, 50);
});

Deno.test("Transport closes while it dials, is dialled, and has never started", async () => {
  const members = await Promise.all(["a", "b", "c"].map((name) => folder.member(name)));
  for (const from of members) for (const to of members) from.transport.dial(to.address);
  await Promise.all(members.map((member) => member[Symbol.asyncDispose]()));
  for (const { events, transport } of members) {
    const count = events.length;
    transport.dial("127.0.0.1:1");
    assert.equal(transport.send("a", message()), false);
    assert.equal(events.length, count);
  }
});

Deno.test("Transport outlives handlers that fail", async () => {
  const fail = () => {
    throw new Error("broken");
  };
  await using a = await folder.member("a", { handlers: { message: fail } });
  await using b = await folder.member("b");
  await using c = await folder.member("c", { handlers: { admit: fail } });
  await b.link(a);
  for (let index = 0; index < 5; index++) b.transport.send("a", message());
  for (let index = 0; index < 5; index++) await a.next("message");
  assert.equal(a.records.filter(({ level }) => level === "error").length, 5);
  assert.equal(linksOf(a).length, 1);
  b.transport.dial(c.address);
  assert.equal((await b.next("failed")).refusal.code, "unreachable");
});

Deno.test("Transport renews a link that has grown old, loses nothing meanwhile, and tells nobody", async () => {
  await using a = await folder.member("a", { limits: { renewMs: 600 } });
  await using b = await folder.member("b");
  await a.link(b);
  await b.next("up");
  let sent = 0;
  // As the renewed link takes the place of the old one, ever older ages give way to a young one.
  for (let renewals = 0, age = 0; renewals < 3;) {
    for (const [from, to] of [[a, b], [b, a]] as const) {
      assert.ok(from.transport.send(to.name, message({ request: sent + 1 })));
    }
    sent++;
    for (const member of [a, b]) {
      await member.next("message", (event) => event.kind === "message" && event.message.request === sent);
    }
    const { ageMs } = a.transport.status()[0];
    if (ageMs < age) renewals++;
    age = ageMs;
  }
  const expected = Array.from({ length: sent }, (_, index) => index + 1);
  for (const { events } of [a, b]) {
    assert.deepEqual(events.flatMap((event) => event.kind === "message" ? [event.message.request] : []), expected);
    assert.deepEqual(events.filter(({ kind }) => kind === "down" || kind === "failed"), []);
    assert.equal(events.filter(({ kind }) => kind === "up").length, 1);
  }
});

Deno.test("Transport ends a link at twice its age that cannot be renewed, and says so", async () => {
  await using a = await folder.member("a", { limits: { renewMs: 200 } });
  await using certificates = await RingFolder.create("b");
  await using b = await folder.member("b");
  await a.link(b);
  // The certificate with which the link came up is none of the cluster's any more.
  await Deno.writeTextFile(join(folder.dir, "b-before.crt"), await folder.read("b.crt"));
  await Deno.writeTextFile(join(folder.dir, "b-before.key"), await folder.read("b.key"));
  try {
    for (const file of ["b.crt", "b.key"]) {
      await Deno.writeTextFile(join(folder.dir, file), await certificates.read(file));
    }
    await b.identity.check();
    assert.deepEqual(await a.next("down"), {
      kind: "down",
      name: "b",
      reason: "The link is too old and could not be renewed",
    });
    assert.deepEqual(a.events.filter(({ kind }) => kind === "failed"), []);
    const warnings = a.records.filter(({ sentence }) => sentence.startsWith("Cannot renew a link"));
    assert.match(String(warnings[0].fields.error), /our --cluster-ca did not sign its certificate/);
  } finally {
    for (const kind of ["crt", "key"]) {
      await Deno.rename(join(folder.dir, `b-before.${kind}`), join(folder.dir, `b.${kind}`));
    }
  }
});

Deno.test("Transport finds another way when nothing comes on a link any more, and tells nobody", async () => {
  const limits = { freshMs: 200, doubtMs: 400, helloTimeoutMs: 1_000 };
  await using a = await folder.member("a", { limits });
  await using b = await folder.member("b", { limits });
  await using wire = new Wire({ to: Number(b.address.split(":")[1]) });
  const port = freePort();
  await wire.open(port);
  a.transport.dial(`127.0.0.1:${port}`);
  await Promise.all([a.next("up"), b.next("up")]);
  wire.cut();
  // Members say something each second; here it is as often as it takes. What goes into the cut wire is lost.
  const talk = setInterval(() => [a, b].forEach((from) => from.transport.send(from === a ? "b" : "a", message())), 50);
  await Promise.all([a.next("message"), b.next("message")]);
  clearInterval(talk);
  assert.deepEqual([linksOf(a), linksOf(b)], [["b by b"], ["a by b"]]);
  for (const { events } of [a, b]) {
    assert.deepEqual(events.filter(({ kind }) => kind === "down" || kind === "failed"), []);
    assert.equal(events.filter(({ kind }) => kind === "up").length, 1);
  }
});
