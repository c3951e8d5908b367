/** What the servers of a ring tell of their sources, whichever of them is asked, and whatever befalls the others. */

import assert from "node:assert/strict";
import { encodeFamilies, PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import type { RingView } from "../../server/api/ring_view.ts";
import type { SourceList } from "../../server/api/source_query.ts";
import type { SourceDetails } from "../../server/api/source_report.ts";
import type { Answered } from "../../server/api/sources.ts";
import { type RingServer, RingServers } from "./ring_servers.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const TIMEOUT_MS = 60_000;
const IDS = Array.from({ length: 12 }, (_, i) => `cluster-${i}`);

async function push(ring: RingServers, { to, id, claims = id }: { to: RingServer; id: string; claims?: string }) {
  const labels = [{ name: "_id", value: claims }];
  const response = await fetch(new URL("upload", to.external), {
    method: "POST",
    headers: { authorization: `Bearer ${await ring.token(id)}`, "content-type": PROTOBUF_CONTENT_TYPE },
    body: encodeFamilies([{ name: "x", type: "gauge", metrics: [{ labels, value: 1, timestampMs: Date.now() }] }]),
  } as RequestInit);
  await response.body?.cancel();
  return response.status;
}

async function api<T>({ internal }: RingServer, path: string): Promise<T> {
  const response = await fetch(new URL(`api/v1/${path}`, internal));
  const { status, data, error } = await response.json();
  assert.equal(status, "success", error);
  return data;
}

Deno.test("any server of a ring tells of all sources, and names a server that is down without waiting for it", async () => {
  await using ring = await RingServers.create({ names: ["a", "b", "c"] });
  await ring.start();
  const [a, b, c] = ring.servers;
  const view = await api<RingView>(a, "ring");
  for (const { name, internal } of ring.servers) {
    const member = view.members.find((member) => member.name === name);
    assert.deepEqual(member?.certificates?.map(({ flag }) => flag), ["--cluster-crt", "--cluster-ca"]);
    assert.equal(member?.certificates?.[0].subject, `CN=${name}`);
    assert.equal(member?.pages, new URL(internal).origin);
  }
  const { certificates } = await api<{ certificates: { member: string; flag: string }[] }>(b, "certificates");
  assert.deepEqual(certificates.map(({ member, flag }) => `${member} ${flag}`).sort(), [
    ...["a --cluster-ca", "a --cluster-crt", "b --cluster-ca", "b --cluster-crt"],
    ...["c --cluster-ca", "c --cluster-crt"],
  ]);
  for (const id of IDS) assert.equal(await push(ring, { to: a, id }), 200);
  assert.equal(await push(ring, { to: b, id: IDS[0], claims: "another" }), 400);
  for (const server of ring.servers) {
    const list = await api<SourceList & Answered>(server, "sources?sort=id&limit=5&offset=5");
    assert.deepEqual(list.sources.map(({ id }) => id), IDS.toSorted().slice(5, 10), server.name);
    assert.deepEqual([list.matching, list.members], [12, [{ name: "a" }, { name: "b" }, { name: "c" }]]);
    const details = await api<SourceDetails>(server, `sources/${IDS[0]}`);
    assert.equal(details.largest[0]?.name, "x");
    assert.ok(["a", "b", "c"].includes(details.owner!) && details.standby !== details.owner);
  }
  // The owner is told of it by the server that took the push, or refused it.
  await eventually("every owner to know who brought its pushes, and of what was refused elsewhere", async () => {
    const all = await Promise.all(IDS.map((id) => api<SourceDetails>(c, `sources/${id}`)));
    return all[0].state === "refused" && all[0].lastRefusal?.reason === "identity" &&
      all.every(({ sender }) => sender?.address === "127.0.0.1");
  }, { timeoutMs: TIMEOUT_MS });

  c.pause();
  const start = performance.now();
  const list = await api<SourceList & Answered>(a, "sources?limit=100");
  assert.ok(performance.now() - start < 2_000);
  assert.match(list.members!.find(({ name }) => name === "c")!.why!, /500 ms|no link|ended/);
  assert.ok(list.sources.length > 0 && list.sources.every(({ owner }) => owner !== "c"));
  for (const path of ["certificates", "sinks"]) {
    const start = performance.now();
    const { members } = await api<Answered>(a, path);
    assert.ok(performance.now() - start < 2_000);
    assert.deepEqual(members!.map(({ name, why }) => [name, why === undefined]), [
      ["a", true],
      ["b", true],
      ["c", false],
    ]);
  }
  c.resume();
});
