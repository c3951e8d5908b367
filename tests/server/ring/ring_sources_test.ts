import assert from "node:assert/strict";
import { UnansweredError } from "../../../ring/transport/questions.ts";
import { readSourceQuery } from "../../../server/api/source_query.ts";
import { OwnSources } from "../../../server/api/sources.ts";
import { Directory } from "../../../server/directory/directory.ts";
import { packAnswer } from "../../../server/ring/ask_members.ts";
import { forgetElsewhere, ringAnswerer, RingSources } from "../../../server/ring/ring_sources.ts";

const NOW = 1_700_000_000_000;
const LIMITS = { series: 100, families: 100, bytes: 100 };

/** Members that know each other; a cluster is owned by the member whose name it starts with. */
function ringOf(names: readonly string[]) {
  const down = new Set<string>(), gone = new Set<string>();
  const garbled = new Map<string, Uint8Array>();
  const placeOf = (id: string) => ({ owner: names.find((name) => id.startsWith(name)) });
  const members = new Map(names.map((name) => {
    const directory = new Directory({
      maxSources: 100,
      retentionMs: 1e9,
      ttlMs: 600_000,
      owns: (id) => placeOf(id).owner === name,
      now: () => NOW,
      elapsed: () => 1e6,
    });
    const own = new OwnSources({
      directory,
      index: { current: () => undefined },
      ttlMs: 600_000,
      limits: LIMITS,
      placeOf,
      droppedOf: () => Promise.resolve(undefined),
      now: () => NOW,
    });
    return [name, { directory, own, answer: ringAnswerer({ own, directory, report: () => undefined }) }];
  }));
  const ringAt = (name: string) => ({
    name,
    place: placeOf,
    status: () =>
      ({
        members: names.map((name) => ({ name, status: down.has(name) ? "DEAD" : "ALIVE" })),
        view: { members: names.filter((name) => !gone.has(name)) },
      }) as never,
    ask: async (to: string, { topic, body }: { topic: string; body: Uint8Array }) => {
      if (down.has(to)) throw new UnansweredError("It did not answer within 500 ms");
      return garbled.get(to) ?? await members.get(to)!.answer({ topic, body });
    },
  });
  const push = (at: string, id: string) =>
    members.get(at)!.directory.accepted({
      ...{ id, receivedAtMs: NOW, transport: "text", bytes: 1, families: 1, series: 1, dropped: 0 },
      ...{ leftOut: new Map(), newestMs: NOW },
    });
  const at = (name: string) => new RingSources({ own: members.get(name)!.own, ring: ringAt(name) });
  return { down, gone, garbled, push, at, ringAt, directoryOf: (name: string) => members.get(name)!.directory };
}

const ALL = readSourceQuery(new URLSearchParams("sort=id"));

Deno.test("RingSources lists the sources of all members, and names the member that does not answer", async () => {
  const ring = ringOf(["a", "b", "c"]);
  for (const name of ["a", "b", "c"]) ring.push(name, `${name}-1`);
  ring.push("b", "a-1");
  const list = await ring.at("a").list(ALL);
  assert.deepEqual(list.sources.map(({ id }) => id), ["a-1", "b-1", "c-1"]);
  assert.deepEqual(list.members, [{ name: "a" }, { name: "b" }, { name: "c" }]);
  ring.down.add("b");
  const { sources, members, matching, states } = await ring.at("a").list(ALL);
  assert.deepEqual([sources.map(({ id }) => id), matching, states.up], [["a-1", "c-1"], 2, 2]);
  assert.deepEqual(members?.filter(({ why }) => why !== undefined), [
    { name: "b", why: "It did not answer within 500 ms" },
  ]);
});

Deno.test("RingSources names no dead member whose clusters are others' by the present view", async () => {
  const ring = ringOf(["a", "b", "c"]);
  ring.down.add("c").add("b");
  ring.gone.add("c");
  const { members } = await ring.at("a").list(ALL);
  assert.deepEqual(members?.map(({ name, why }) => [name, why !== undefined]), [["a", false], ["b", true]]);
});

const GARBLED = new Map([
  ["no gzip", new Uint8Array(3)],
  ["nothing", packAnswer(null)],
  ["a text", packAnswer("nonsense")],
  ["a list of nothing", packAnswer([null])],
  ["sources without an id", packAnswer({ sources: [{ near: [] }], matching: 1, near: 0, states: {} })],
  ["no states", packAnswer({ sources: [], matching: 0, near: 0 })],
]);

for (const [what, answer] of GARBLED) {
  Deno.test(`RingSources shows what the others tell where a member answers with ${what}, and names it`, async () => {
    const ring = ringOf(["a", "b", "c"]);
    for (const name of ["a", "b", "c"]) ring.push(name, `${name}-1`);
    ring.garbled.set("b", answer);
    const { sources, members } = await ring.at("a").list(ALL);
    assert.deepEqual(sources.map(({ id }) => id), ["a-1", "c-1"]);
    assert.deepEqual(members?.filter(({ why }) => why !== undefined), [
      { name: "b", why: "Its answer cannot be read: run the same version on all servers of the ring" },
    ]);
    assert.deepEqual(await ring.at("a").strangers(), []);
    ring.push("a", "b-1");
    // What says that nothing is known is an answer.
    assert.equal((await ring.at("a").details("b-1"))?.id, what === "nothing" ? undefined : "b-1");
  });
}

Deno.test("RingSources tells what the owner knows of a source, or what is known here where it does not answer", async () => {
  const ring = ringOf(["a", "b"]);
  ring.push("b", "b-1");
  ring.push("b", "b-1");
  ring.push("a", "b-1");
  assert.equal((await ring.at("a").details("b-1"))?.pushes, 2);
  assert.equal(await ring.at("a").details("b-2"), undefined);
  ring.down.add("b");
  assert.equal((await ring.at("a").details("b-1"))?.pushes, 1);
});

Deno.test("forgetElsewhere() has the other members forget a source, and names who did not answer", async () => {
  const ring = ringOf(["a", "b", "c"]);
  for (const name of ["a", "b", "c"]) ring.push(name, "b-1");
  ring.down.add("c");
  // It may come back with what it knows.
  ring.gone.add("c");
  const members = await forgetElsewhere(ring.ringAt("a"), "b-1");
  assert.deepEqual(members.map(({ name, why }) => [name, why === undefined]), [["a", true], ["b", true], ["c", false]]);
  assert.equal(ring.directoryOf("b").get("b-1"), undefined);
  assert.notEqual(ring.directoryOf("c").get("b-1"), undefined);
});

Deno.test("ringAnswerer() says of a server that it has only just started", async () => {
  const ring = ringOf(["a", "b"]).ringAt("a");
  await assert.rejects(ring.ask("b", { topic: "ring", body: new TextEncoder().encode("null") }), {
    message: "It has only just started",
  });
});
