import assert from "node:assert/strict";
import { Directory } from "../../../server/directory/directory.ts";
import type { AcceptedPush, Refusal } from "../../../server/directory/source.ts";
import { UnansweredError } from "../../../ring/transport/questions.ts";
import { SourceExchange, takeFacts } from "../../../server/ring/source_exchange.ts";
import { recordingLog } from "../../support/recording_log.ts";

const NOW = 1_700_000_000_000;
const BAD: Refusal = { stage: "push", path: "/upload", status: 400, reason: "identity", why: "No" };

interface Place {
  owner?: string;
  standby?: string;
}

/** Servers that know each other, of which every cluster is at one place. */
function servers(names: readonly string[], place: Place) {
  const down = new Set<string>();
  const broken = new Set<string>();
  const { log, records } = recordingLog();
  const directories = new Map(
    names.map((name) => [
      name,
      new Directory({
        maxSources: 100,
        retentionMs: 1e9,
        ttlMs: 600_000,
        owns: () => place.owner === name,
        now: () => NOW,
        elapsed: () => 1e6,
      }),
    ]),
  );
  const exchanges = names.map((name) => {
    const ask = (to: string, { body }: { body: Uint8Array }) => {
      if (broken.has(to)) return Promise.reject(new TypeError("It has a fault"));
      if (down.has(to)) return Promise.reject(new UnansweredError("It is down"));
      return Promise.resolve(takeFacts(directories.get(to)!, body));
    };
    const ring = { name, place: () => place, ask };
    return new SourceExchange({ directory: directories.get(name)!, ring, log });
  });
  return {
    of: (name: string) => directories.get(name)!,
    ...{ down, broken, records },
    async tell({ standbys = false } = {}) {
      for (const exchange of exchanges) await exchange.tell({ standbys });
    },
    [Symbol.dispose]: () => exchanges.forEach((exchange) => exchange[Symbol.dispose]()),
  };
}

function push(receivedAtMs: number): AcceptedPush {
  const counts = { bytes: 10, families: 1, series: 7, dropped: 0 };
  return { id: "a", receivedAtMs, transport: "text, gzip", ...counts, leftOut: new Map(), newestMs: receivedAtMs };
}

Deno.test("SourceExchange tells the owner who brought a push, and what was refused elsewhere, each refusal once", async () => {
  using ring = servers(["x", "y", "z"], { owner: "x", standby: "y" });
  ring.of("x").accepted(push(NOW - 5));
  const sender = { userAgent: "client", address: "192.0.2.1", keyId: "k", tokenEndsMs: NOW, atMs: NOW - 5 };
  ring.of("y").broughtBy("a", sender);
  ring.of("x").refused("a", BAD);
  ring.of("y").refused("a", BAD);
  for (let i = 0; i < 3; i++) ring.of("z").refused("a", BAD);
  await ring.tell();
  await ring.tell({ standbys: true });
  const { source, state } = ring.of("x").get("a")!;
  assert.deepEqual([source.sender, source.refusals, source.series, state], [sender, 5, 7, "refused"]);
  ring.of("z").refused("a", BAD);
  await ring.tell();
  await ring.tell();
  assert.equal(ring.of("x").get("a")!.source.refusals, 6);
});

Deno.test("SourceExchange gives what is known to the standby, and to whoever owns a source next", async () => {
  const place: Place = { owner: "x", standby: "y" };
  using ring = servers(["x", "y", "z"], place);
  ring.of("x").accepted(push(NOW - 9));
  ring.of("x").refused("a", BAD);
  await ring.tell();
  assert.equal(ring.of("y").get("a"), undefined);
  await ring.tell({ standbys: true });
  assert.equal(ring.of("y").get("a")!.source.refusals, 1);
  assert.deepEqual(ring.of("y").pushesOf("a"), ring.of("x").pushesOf("a"));

  Object.assign(place, { owner: "z", standby: "x" });
  await ring.tell();
  assert.deepEqual([ring.of("z").get("a")!.source.series, ring.of("z").get("a")!.source.refusals], [7, 1]);
  assert.deepEqual([...ring.of("x").list()], []);
});

Deno.test("SourceExchange tells later whom it does not reach now", async () => {
  using ring = servers(["x", "y"], { owner: "x" });
  ring.down.add("x");
  ring.of("y").refused("a", BAD);
  await ring.tell();
  ring.down.delete("x");
  await ring.tell();
  assert.equal(ring.of("x").get("a")!.source.refusals, 1);
});

const IN_NAME: Refusal = { stage: "authorize", path: "/authorize", status: 401, reason: "refused", why: "No" };

Deno.test("SourceExchange tells the owner who is refused in the name of its sources where those are strangers", async () => {
  using ring = servers(["x", "y"], { owner: "x" });
  ring.of("x").accepted(push(NOW - 5));
  for (let i = 0; i < 3; i++) ring.of("y").refused("a", IN_NAME);
  ring.of("y").refused("unknown", IN_NAME);
  await ring.tell();
  const { source, state } = ring.of("x").get("a")!;
  assert.deepEqual([source.inName?.times, source.inName?.timesSince, source.inName?.refusal, state], [
    ...[3, 3, IN_NAME, "up"],
  ]);
  assert.deepEqual([source.refusals, source.firstSeenMs], [0, NOW]);
  // What is a stranger to all is no source.
  assert.equal(ring.of("x").get("unknown"), undefined);
  ring.of("y").refused("a", IN_NAME);
  await ring.tell();
  assert.equal(ring.of("x").get("a")!.source.inName?.times, 4);
});

Deno.test("SourceExchange.tell() never rejects: what is no answer of another server is an error in the log", async () => {
  using ring = servers(["x", "y"], { owner: "x" });
  ring.broken.add("x");
  ring.of("y").refused("a", BAD);
  await ring.tell();
  assert.deepEqual(ring.records.map(({ level, sentence, fields }) => [level, sentence, fields?.error]), [
    ["error", "Cannot tell other servers of sources, and tries again", "TypeError: It has a fault"],
  ]);
  ring.broken.delete("x");
  await ring.tell();
  assert.equal(ring.of("x").get("a")!.source.refusals, 1);
});

Deno.test("takeFacts() takes from another member nothing that is no fact", () => {
  const directory = new Directory({ maxSources: 10, retentionMs: 1, ttlMs: 1 });
  const facts = [null, 7, {}, { record: { id: "" } }, { record: { id: "a", refusals: -1 }, refusals: 1e300 }];
  takeFacts(directory, new TextEncoder().encode(JSON.stringify(facts)));
  assert.deepEqual([...directory.all()].map(({ id, refusals }) => [id, refusals]), [["a", 0]]);
  assert.throws(() => takeFacts(directory, new TextEncoder().encode("{}")), SyntaxError);
});
