/** Clients with a good token who try to come between the servers of a ring by what they push. */

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { Pusher } from "./pusher.ts";
import { RingServers } from "./ring_servers.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Refused pushes that a cluster may send at once; the next one has to wait. */
const REFUSED_BURST = 10;

Deno.test("a ring refuses what is at fault at once at any server, charges it there, and keeps its links", async () => {
  await using ring = await RingServers.create({ names: ["a", "b", "c"] });
  await ring.start();
  const [ingress] = ring.servers;
  const good = new Pusher({
    servers: ring.servers.map(({ external }) => external),
    token: (id) => ring.token(id),
    clusters: 60,
    pushesPerSecond: 40,
  });
  await good.pushAll();
  good.start();
  // Each says, at length, that it is of another cluster; the last one is cut short, at the end of as much.
  const time = Date.now(), other = `_id="other"`;
  const long = (value: string) => Array.from({ length: 60 }, (_, i) => `l${i}${"x".repeat(240)}="${value}"`).join();
  const bodies = [
    gzipSync(`m{${other},${long("y".repeat(250))}} 1 ${time}\n`),
    gzipSync(`m{${long("\u202e".repeat(80))},${other}} 1 ${time}\n`),
    gzipSync(`m{${long("z")}} 1 ${time}\n`).subarray(0, -9),
  ].map((bytes) => new Uint8Array(bytes));
  const statuses = new Map<number, number>();
  let slowestMs = 0;
  await Promise.all(Array.from({ length: 24 }, async (_, index) => {
    const authorization = `Bearer ${await ring.token(`hostile-${index}`)}`;
    for (let push = 0; push <= REFUSED_BURST; push++) {
      const before = performance.now();
      const response = await fetch(new URL("upload", ingress.external), {
        method: "POST",
        headers: { authorization, "content-encoding": "gzip", "content-type": "text/plain" },
        body: bodies[(index + push) % bodies.length],
      });
      const said = await response.text();
      assert.ok(said.length < 3_000, `${said.length} bytes of answer`);
      slowestMs = Math.max(slowestMs, performance.now() - before);
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    }
  }));
  await good.stop();
  const logs = ring.servers.map((server) => server.tail(200)).join("\n");
  assert.deepEqual(Object.fromEntries(statuses), { 400: 24 * REFUSED_BURST, 429: 24 }, logs);
  assert.ok(slowestMs < 2_000, `the slowest took ${slowestMs} ms`);
  assert.deepEqual([...good.answers.keys()], ["200"]);
  for (const server of ring.servers) {
    assert.equal(await server.metric("telemeter_ring_links"), 2, server.name);
    assert.equal(await server.metric("telemeter_ring_malformed_frames_total"), 0, server.name);
  }
  assert.doesNotMatch(logs, /Cannot carry out an effect|cannot be read|\u202e/);
});
