// The real program, and clients that hold connections and places without ever being done.

import assert from "node:assert/strict";
import type { MetricFamily } from "../../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { eventually } from "../../../scripts/process/eventually.ts";
import { OpenServer } from "../../support/open_server.ts";
import { RawClient } from "../../support/raw_client.ts";

Deno.test.sanitizer({ ops: true, resources: true });

function families(id: string, series: number): MetricFamily[] {
  const metrics = Array.from({ length: series }, (_, i) => ({
    labels: [{ name: "_id", value: id }, { name: "node", value: `node-${i}-${"x".repeat(60)}` }],
    value: i,
    timestampMs: Date.now(),
  }));
  return [{ name: "up", type: "gauge", metrics }];
}

async function timed<T>(work: Promise<T>): Promise<{ result: T; ms: number }> {
  const startedMs = performance.now();
  const result = await work;
  return { result, ms: performance.now() - startedMs };
}

/** Opens connections that begin like this, and goes no further with any. */
async function hold(server: OpenServer, starts: readonly string[], stack: DisposableStack) {
  for (const start of starts) {
    const slow = stack.use(await RawClient.connect(server.port));
    await slow.send(start);
  }
}

/** The beginning of a push, of whose body some bytes are there. */
async function halfPush(server: OpenServer, id: string): Promise<string> {
  return `POST /upload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${await server.token(id)}\r\n` +
    "Content-Length: 100000\r\n\r\nup{";
}

Deno.test("200 slow sockets and 50 large pushes at once leave a good push under 1 s and /healthz under 250 ms", async () => {
  await using server = await OpenServer.start("--ratelimit=0s");
  using stack = new DisposableStack();
  const starts = [
    () => "",
    () => "POST /upload HTTP/1.1\r\nHost: a\r\nAuthoriz",
    () => "POST /authorize?id=a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nab",
    (i: number) => halfPush(server, `slow${i}`),
  ];
  await hold(server, await Promise.all(Array.from({ length: 200 }, (_, i) => starts[i % starts.length](i))), stack);

  const ids = Array.from({ length: 50 }, (_, i) => `large${i}`);
  const bodies = ids.map((id) => encodeFamilies(families(id, 4_100)));
  assert.ok(bodies[0].length > 470_000 && bodies[0].length <= 512_000, `${bodies[0].length}`);
  for (const id of ["good", ...ids]) await server.token(id);
  // Warm: the first push of a server is not the one that is meant.
  assert.equal((await server.push("good", families("good", 200))).status, 200);
  let done = 0;
  const large = ids.map(async (id, i) => {
    const { status } = await server.push(id, bodies[i]);
    done++;
    return status;
  });
  const good = timed(server.push("good", families("good", 200)));
  const waits: number[] = [];
  while (done < 50) {
    const { result, ms } = await timed(server.healthy());
    assert.ok(result);
    waits.push(ms);
  }
  const { result: { status }, ms } = await good;
  assert.equal(status, 200);
  assert.deepEqual(await Promise.all(large), Array(50).fill(200));
  const longest = Math.max(...waits);
  assert.ok(ms < 1_000, `a good push took ${ms} ms`);
  assert.ok(longest < 250, `/healthz took ${longest} ms`);
});

Deno.test("Half-sent pushes that hold every place make room for one that is sent whole", async () => {
  await using server = await OpenServer.start("--limit-in-flight=20");
  using stack = new DisposableStack();
  await hold(server, await Promise.all(Array.from({ length: 60 }, (_, i) => halfPush(server, `slow${i}`))), stack);
  for (const id of ["a", "b"]) {
    const sent = families(id, 10);
    // In less than the time after which a body that stands still is cut anyway.
    const isTaken = async () => (await server.push(id, sent)).status === 200;
    await eventually("the push to find a place", isTaken, { timeoutMs: 5_000 });
  }
});
