import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { Strangers } from "../../../ring/transport/strangers.ts";
import { recordingLog } from "../../support/recording_log.ts";

const MINUTE_MS = 60_000;

function door({ maxLines }: { maxLines?: number } = {}) {
  const registry = new Registry(), { log, records } = recordingLog(), clock = { now: 0 };
  const strangers = new Strangers({ registry, log, now: () => clock.now, maxLines });
  const count = async (reason: string) => {
    const { values } = await registry.getSingleMetric("telemeter_ring_refused_total")!.get();
    return values.find(({ labels }) => labels.reason === reason)?.value;
  };
  return { strangers, records, clock, count };
}

Deno.test("Strangers counts each one, and logs each one once a minute", async () => {
  const { strangers, records, clock, count } = door();
  const one = { address: "192.0.2.1", reason: "http", message: "It is not HTTP" };
  for (let index = 0; index < 5; index++) strangers.turnAway(one);
  strangers.turnAway({ ...one, reason: "timeout" });
  strangers.turnAway({ ...one, address: "192.0.2.2" });
  strangers.turnAway({ ...one, name: "a" });
  assert.deepEqual(records.map(({ fields: { address, name, unsaid } }) => [address, name, unsaid]), [
    ["192.0.2.1", undefined, 0],
    ["192.0.2.2", undefined, 5],
    ["192.0.2.1", "a", 0],
  ]);
  clock.now = MINUTE_MS - 1;
  strangers.turnAway(one);
  assert.equal(records.length, 3);
  clock.now = MINUTE_MS;
  strangers.turnAway(one);
  assert.deepEqual(records[3], {
    level: "warn",
    sentence: "Turned away one who wanted to link",
    fields: { ...one, name: undefined, unsaid: 1 },
  });
  assert.deepEqual([await count("http"), await count("timeout")], [9, 1]);
});

Deno.test("Strangers takes the addresses of one IPv6 network for one", () => {
  const { strangers, records } = door();
  for (let index = 0; index < 100; index++) {
    strangers.turnAway({ address: `2001:db8::${index.toString(16)}`, reason: "http", message: "" });
  }
  assert.equal(records.length, 1);
});

Deno.test("Strangers writes so many lines a minute, however many there are", async () => {
  const { strangers, records, clock, count } = door({ maxLines: 10 });
  for (let minute = 0; minute < 3; minute++) {
    clock.now = minute * MINUTE_MS;
    for (let index = 0; index < 5_000; index++) {
      strangers.turnAway({ address: `10.0.${index >> 8}.${index & 255}`, reason: "timeout", message: "" });
    }
    assert.equal(records.length, (minute + 1) * 10);
  }
  assert.equal(await count("timeout"), 15_000);
});
