/** Which metrics the allow-list dropped, as a real server tells. */

import assert from "node:assert/strict";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { OpenServer } from "../support/open_server.ts";

Deno.test.sanitizer({ ops: true, resources: true });

function family(name: string, count: number): MetricFamily {
  const metrics = Array.from({ length: count }, (_, i) => ({
    labels: [{ name: "_id", value: "a" }, { name: "i", value: `${i}` }],
    value: 1,
    timestampMs: Date.now(),
  }));
  return { name, type: "gauge", metrics };
}

Deno.test("server tells of which metrics the allow-list dropped most samples, those of one name together", async () => {
  await using server = await OpenServer.start("--whitelist", 'up{i!="1"}', "--ratelimit=0s");
  const many = Array.from({ length: 12 }, (_, i) => family(`m${i}`, i + 1));
  const pushed = [family("up", 3), ...many, family("m11", 5), family(`n${"é".repeat(120)}\u202e`, 40)];
  assert.equal((await server.push("a", pushed)).status, 200);
  const dropped = async () => {
    const response = await fetch(new URL("/api/v1/sources/a", server.internal));
    return (await response.json()).data.dropped;
  };
  const expected = {
    allowList: 1 + 78 + 5 + 40,
    metrics: [
      { name: `n${"é".repeat(98)}…`, samples: 40 },
      { name: "m11", samples: 17 },
      ...Array.from({ length: 8 }, (_, i) => ({ name: `m${10 - i}`, samples: 11 - i })),
    ],
    rules: {},
  };
  assert.deepEqual(await dropped(), expected);
  assert.equal((await server.push("a", [family("up", 1)])).status, 200);
  assert.deepEqual(await dropped(), { allowList: 0, rules: {} });
});
