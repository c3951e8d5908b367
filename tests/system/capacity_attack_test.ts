// The real program, and clients that make up clusters and series without end.

import assert from "node:assert/strict";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { OpenServer } from "../support/open_server.ts";

Deno.test.sanitizer({ ops: true, resources: true });

function families(id: string, series: number, { value = 1, ageMs = 0 } = {}): MetricFamily[] {
  const metrics = Array.from({ length: series }, (_, i) => ({
    labels: [{ name: "_id", value: id }, { name: "i", value: String(i) }],
    value,
    timestampMs: Date.now() - ageMs,
  }));
  return [{ name: "up", type: "gauge", metrics }];
}

Deno.test("Made-up clusters and series are refused at the totals, and what is held stays and is replaced", async () => {
  await using server = await OpenServer.start("--ratelimit=0s", "--limit-clusters=3", "--limit-total-series=10");
  assert.equal((await server.push("a", families("a", 4))).status, 200);
  assert.equal((await server.push("b", families("b", 5))).status, 200);

  const tooMany = await server.push("c", families("c", 2));
  assert.deepEqual([tooMany.status, tooMany.headers.get("retry-after")], [503, "60"]);
  assert.doesNotMatch(tooMany.text.replace(/under \S+$/m, ""), /10|series of/);
  const [, id] = /^Cannot take the push as this server has no room .* under (\S+)\n$/.exec(tooMany.text)!;
  assert.match(server.log.find((line) => line.includes(`id=${id}`)) ?? "", /limit of 10 series/);
  assert.equal((await server.push("b", families("b", 7))).status, 503);
  assert.equal((await server.push("b", families("b", 6, { value: 2 }))).status, 200, "what fits is refused");
  const values = (await server.lines()).filter((line) => line.includes('"b"')).map((line) => line.split(" ").at(-1));
  assert.deepEqual(values, Array(6).fill("2"));

  // A sample that is past its time when it comes is shown never, and held on disk all the same.
  assert.equal((await server.push("a", families("a", 1))).status, 200);
  assert.equal((await server.push("c", families("c", 1, { ageMs: 3_600_000 }))).status, 200);
  for (let i = 0; i < 20; i++) {
    const { status, headers } = await server.push(`made-up-${i}`, families(`made-up-${i}`, 1));
    assert.deepEqual([status, headers.get("retry-after")], [503, "60"]);
  }
  assert.equal((await server.push("c", families("c", 1))).status, 200, "a cluster that is held is refused");
  assert.equal(await server.metric('telemeter_push_rejections_total{reason="clusters"}'), 20);
  assert.equal(await server.metric('telemeter_push_rejections_total{reason="total_series"}'), 2);
  assert.equal(await server.metric("telemeter_partitions"), 3);

  const before = await server.lines();
  await server.crash();
  assert.deepEqual(await server.lines(), before);
});

Deno.test("A cluster that goes on pushing what there is no room for is held to the rate of refused pushes", async () => {
  await using server = await OpenServer.start("--ratelimit=0s", "--limit-total-series=1");
  const statuses: number[] = [];
  for (let i = 0; i < 15; i++) statuses.push((await server.push("a", families("a", 2))).status);
  assert.deepEqual(statuses, [...Array(10).fill(503), ...Array(5).fill(429)]);
});
