import assert from "node:assert/strict";
import { Directory } from "../../../server/directory/directory.ts";
import { tellBlank, tellNearLimits, tellTransitions } from "../../../server/directory/source_log.ts";
import { recordingLog } from "../../support/recording_log.ts";

const LIMITS = { series: 100, families: 100, bytes: 1_000 };

function setUp() {
  const clock = { ms: 1_700_000_000_000 };
  const directory = new Directory({
    maxSources: 1_000,
    retentionMs: 3_600_000,
    ttlMs: 600_000,
    now: () => clock.ms,
    elapsed: () => clock.ms,
  });
  const push = (id: string, series: number, leftOut: Record<string, number> = {}) =>
    directory.accepted({
      id,
      receivedAtMs: clock.ms,
      transport: "text, gzip",
      bytes: 10,
      families: 1,
      series,
      dropped: leftOut.allow_list ?? 0,
      leftOut: new Map(Object.entries(leftOut).filter(([rule]) => rule !== "allow_list")),
      newestMs: clock.ms,
    });
  const told = () => {
    const { log, records } = recordingLog();
    tellNearLimits(log, directory.nearing(LIMITS), LIMITS);
    return records;
  };
  return { clock, directory, push, told };
}

Deno.test("tellNearLimits() names a source that comes near a limit, and the flag, once until it was far from it", () => {
  const { push, told } = setUp();
  push("a", 79);
  assert.deepEqual(told(), []);
  push("a", 80);
  assert.deepEqual(told().map(({ level, fields }) => [level, fields]), [
    ["warn", { cluster: "a", series: 80, raise: "--limit-series", limit: 100 }],
  ]);
  for (const series of [80, 75, 81, 70]) {
    push("a", series);
    assert.deepEqual(told(), [], String(series));
  }
  push("a", 69);
  assert.deepEqual(told(), []);
  push("a", 90);
  assert.equal(told().length, 1);
});

Deno.test("tellBlank() names a source of which nothing is shown, and the rules, once until something is shown", () => {
  const { directory, push } = setUp();
  const told = () => {
    const { log, records } = recordingLog();
    tellBlank(log, directory.blanking());
    return records.map(({ level, sentence, fields }) => [level, sentence, fields]);
  };
  push("a", 0);
  push("b", 3, { label_value: 4 });
  assert.deepEqual(told(), [], "one sends nothing, and of one something is shown");
  push("a", 0, { label_value: 1, allow_list: 2 });
  assert.deepEqual(told(), [[
    "warn",
    "Nothing of what a source sends is shown: all of it breaks rules",
    {
      cluster: "a",
      rules: "allow_list, label_value",
      mend:
        "widen --whitelist, if it is to be shown; shorten it in the exporter, or drop the label with metric_relabel_configs",
    },
  ]]);
  assert.deepEqual(told(), []);
  push("a", 1);
  assert.deepEqual(told(), []);
  push("a", 0, { label_value: 1 });
  assert.equal(told().length, 1);
});

Deno.test("tellNearLimits() says nothing of what was so before the process started, and one line for many", () => {
  const { clock, push, told } = setUp();
  push("old", 90);
  clock.ms += 120_000;
  assert.deepEqual(told(), []);
  for (let i = 0; i < 30; i++) push(`new-${i}`, 95);
  const [{ sentence, fields }, ...more] = told();
  assert.equal(more.length, 0);
  assert.match(sentence, /^Sources are near a limit/);
  assert.deepEqual([fields.sources, fields.raise, (fields.among as string[]).length], [30, "--limit-series", 5]);
});

for (
  const [who, write, userAgent, sentence] of [
    [
      "a client",
      false,
      "telemeter-client/1.2.3",
      /^A source is silent: see whether its client runs, and what its log says$/,
    ],
    [
      "a Prometheus",
      true,
      "Prometheus/3.5",
      /^A source is silent: see the remote_write queue .*prometheus_remote_storage_/,
    ],
    [
      "a client that remote-writes",
      true,
      "telemeter-client/1.2.3",
      /^A source is silent: see whether its client runs, /,
    ],
  ] as const
) {
  Deno.test(`tellTransitions() says what to look at where a source is silent that is ${who}`, async () => {
    const { clock, directory } = setUp();
    directory.accepted({
      ...{ id: "a", receivedAtMs: clock.ms, transport: "protobuf, snappy", bytes: 10, families: 1, series: 1 },
      ...{ dropped: 0, leftOut: new Map(), newestMs: clock.ms },
      ...write && { write: { samples: 1, droppedMetrics: new Map() } },
    });
    directory.broughtBy("a", { userAgent, address: "", keyId: "", tokenEndsMs: 0, atMs: clock.ms });
    await directory.sweep();
    clock.ms += 600_001;
    const { log, records } = recordingLog();
    tellTransitions(log, await directory.sweep());
    assert.equal(records.length, 1);
    assert.match(records[0].sentence, sentence);
  });
}

Deno.test("tellTransitions() tells when a source that is silent pushed last, also where its pushes went on to another server", async () => {
  const { clock, directory } = setUp();
  directory.broughtBy("a", { userAgent: "", address: "", keyId: "", tokenEndsMs: 0, atMs: clock.ms });
  const lastPush = new Date(clock.ms).toISOString();
  await directory.sweep();
  clock.ms += 600_001;
  const { log, records } = recordingLog();
  tellTransitions(log, await directory.sweep());
  assert.deepEqual(records.map(({ level, fields }) => [level, fields]), [["warn", { cluster: "a", lastPush }]]);
});
