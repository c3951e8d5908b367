import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { RefusalLog } from "../../../ring/transport/refusal_log.ts";
import { recordingLog } from "../../support/recording_log.ts";

const MINUTE_MS = 60_000;

function door({ maxLines }: { maxLines?: number } = {}) {
  const registry = new Registry(), { log, records } = recordingLog(), clock = { now: 0 };
  const refusals = new RefusalLog({ registry, log, now: () => clock.now, maxLines });
  const count = async (reason: string) => {
    const { values } = await registry.getSingleMetric("telemeter_ring_refused_total")!.get();
    return values.find(({ labels }) => labels.reason === reason)?.value;
  };
  return { refusals, records, clock, count };
}

Deno.test("RefusalLog counts each one, and logs each one once a minute", async () => {
  const { refusals, records, clock, count } = door();
  const one = { address: "192.0.2.1", reason: "http" as const, message: "It is not HTTP" };
  for (let index = 0; index < 5; index++) refusals.add(one);
  refusals.add({ ...one, reason: "timeout" });
  refusals.add({ ...one, address: "192.0.2.2" });
  refusals.add({ ...one, name: "a" });
  assert.deepEqual(records.map(({ fields: { address, name, unsaid } }) => [address, name, unsaid]), [
    ["192.0.2.1", undefined, 0],
    ["192.0.2.2", undefined, 5],
    ["192.0.2.1", "a", 0],
  ]);
  clock.now = MINUTE_MS - 1;
  refusals.add(one);
  assert.equal(records.length, 3);
  clock.now = MINUTE_MS;
  refusals.add(one);
  assert.deepEqual(records[3], {
    level: "warn",
    sentence: "Refused a ring connection",
    fields: { ...one, name: undefined, unsaid: 1 },
  });
  assert.deepEqual([await count("http"), await count("timeout")], [9, 1]);
});

Deno.test("RefusalLog takes the addresses of one IPv6 network for one", () => {
  const { refusals, records } = door();
  for (let index = 0; index < 100; index++) {
    refusals.add({ address: `2001:db8::${index.toString(16)}`, reason: "http", message: "" });
  }
  assert.equal(records.length, 1);
});

Deno.test("RefusalLog writes so many lines a minute, however many there are", async () => {
  const { refusals, records, clock, count } = door({ maxLines: 10 });
  for (let minute = 0; minute < 3; minute++) {
    clock.now = minute * MINUTE_MS;
    for (let index = 0; index < 5_000; index++) {
      refusals.add({ address: `10.0.${index >> 8}.${index & 255}`, reason: "timeout", message: "" });
    }
    assert.equal(records.length, (minute + 1) * 10);
  }
  assert.equal(await count("timeout"), 15_000);
});
