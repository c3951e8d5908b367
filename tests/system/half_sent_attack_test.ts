// The real program, and one with a good token who sends the halves of pushes without end.

import assert from "node:assert/strict";
import { eventually } from "../../scripts/process/eventually.ts";
import { OpenServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A push of a cluster as it is now. */
function families(id: string) {
  const metrics = [{ labels: [{ name: "_id", value: id }], value: 1, timestampMs: Date.now() }];
  return [{ name: "up", type: "gauge" as const, metrics }];
}

/** Sends the halves of so many pushes of one cluster, each over a connection of its own. */
async function sendHalves(server: OpenServer, count: number, stack: DisposableStack): Promise<RawClient[]> {
  const head = `POST /upload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${await server.token("greedy")}\r\n` +
    "Content-Length: 100000\r\n\r\nup{";
  return await Promise.all(Array.from({ length: count }, async () => {
    const client = stack.use(await RawClient.connect(server.port));
    await client.send(head);
    return client;
  }));
}

Deno.test("Half-sent pushes of one cluster are refused ever more slowly, and nobody else's", async () => {
  await using server = await OpenServer.start("--ratelimit=1m", "--limit-connections-per-address=1000");
  using stack = new DisposableStack();
  const clients = await sendHalves(server, 350, stack);
  let answered = 0;
  const answers = clients.map(async (client) => {
    const [, status] = await client.until(/^HTTP\/1\.1 (\d+) /);
    answered++;
    return status;
  });
  const isHeld = async () => (await server.metric("telemeter_refusals_held_total"))! >= 240;
  await eventually("refusals to be held back", isHeld, { timeoutMs: 10_000 });
  for (const id of ["good", "better"]) assert.equal((await server.push(id, families(id))).status, 200);
  assert(answered < 349, "all were answered before");
  // One is the cluster's push, whose rest is awaited, until its client goes.
  await eventually("the others to be answered", () => answered === 349, { timeoutMs: 10_000 });
  for (const client of clients) client[Symbol.dispose]();
  const statuses = (await Promise.allSettled(answers)).map((answer) => answer.status === "fulfilled" && answer.value);
  assert.deepEqual(new Set(statuses), new Set(["429", false]));
});

Deno.test("Refusals that are held back give their connections to others of the same address", async () => {
  await using server = await OpenServer.start("--ratelimit=1m", "--limit-connections-per-address=300");
  await server.token("good");
  using stack = new DisposableStack();
  await sendHalves(server, 290, stack);
  const more = sendHalves(server, 60, stack).catch(() => {});
  // Behind the address from which they come.
  const isTaken = async () => (await server.push("good", families("good"))).status === 200;
  await eventually("the push to be taken", isTaken, { timeoutMs: 5_000 });
  await more;
});
