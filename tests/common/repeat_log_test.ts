import assert from "node:assert/strict";
import { RepeatLog } from "../../common/repeat_log.ts";
import { recordingLog } from "../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("RepeatLog.add() tells a thing at once, and once a minute how often it has happened again", () => {
  let now = 0;
  const { log, records } = recordingLog();
  const repeats = new RepeatLog(log, { level: "info", now: () => now });
  for (let i = 0; i < 500; i++) {
    repeats.add("a size", "Refused a push", { cluster: "a", try: i });
    repeats.add("b size", "Refused a push", { cluster: "b" });
  }
  assert.deepEqual(records.map(({ fields }) => fields), [{ cluster: "a", try: 0 }, { cluster: "b" }]);
  now = 60_000;
  repeats.flush();
  assert.deepEqual(records.slice(2).map(({ fields }) => fields), [
    { cluster: "a", try: 499, repeated: 499 },
    { cluster: "b", repeated: 499 },
  ]);
  repeats.flush();
  repeats.add("a size", "Refused a push", { cluster: "a" });
  assert.equal(records.length, 5);
  assert.ok(records.every(({ level }) => level === "info"));
});

Deno.test("RepeatLog.add() tells of a thousand things a minute at most, and how many more there were", () => {
  let now = 0;
  const { log, records } = recordingLog();
  const repeats = new RepeatLog(log, { level: "warn", now: () => now });
  for (let i = 0; i < 5_000; i++) repeats.add(`id-${i}`, "Refused a push", {});
  assert.equal(records.length, 1_000);
  now = 60_000;
  repeats.flush();
  assert.deepEqual(records.slice(1_000), [
    { level: "warn", sentence: "More has happened than the log tells", fields: { lines: 4_000 } },
  ]);
});
