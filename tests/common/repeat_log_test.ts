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
  assert.equal(records.length, 4, "it was told of this minute");
  now = 120_000;
  repeats.flush();
  assert.deepEqual(records.slice(4).map(({ fields }) => fields), [{ cluster: "a", repeated: 1 }]);
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

Deno.test("RepeatLog.add() has one line a minute of what lasts for hours, however it comes", () => {
  let now = 0;
  const { log, records } = recordingLog();
  const repeats = new RepeatLog(log, { level: "warn", now: () => now });
  for (; now < 3_600_000; now += 250) repeats.add("a sink", "Dropped samples", {});
  assert.equal(records.length, 60);
  assert.deepEqual(records.slice(1, 3).map(({ fields }) => fields.repeated), [239, 240]);
});

Deno.test("RepeatLog.add() tells at once of what has not happened for a minute", () => {
  let now = 0;
  const { log, records } = recordingLog();
  const repeats = new RepeatLog(log, { level: "warn", now: () => now });
  for (const at of [0, 200_000, 400_000]) {
    now = at;
    repeats.add("a sink", "Dropped samples", {});
  }
  assert.deepEqual(records.map(({ fields }) => fields), [{}, {}, {}]);
});

Deno.test("RepeatLog.add() tells of others within a minute, though somebody keeps happening under all the names there is room for", () => {
  let now = 0;
  const { log, records } = recordingLog();
  const repeats = new RepeatLog(log, { level: "warn", now: () => now, maxThings: 10 });
  const attack = () => {
    for (let i = 0; i < 20; i++) repeats.add(`made up ${i}`, "Refused a push", { of: "attack" });
  };
  for (let minute = 0; minute < 10; minute++) {
    for (let i = 0; i < 60; i++) {
      now += 1_000;
      repeats.add(`real ${minute}`, "Refused a push", { of: "real" });
      attack();
    }
  }
  const told = records.filter(({ fields }) => fields.of === "real").length;
  assert.ok(told >= 9, `${told} lines of what is real in ten minutes`);
  assert.ok(records.length <= 10 * 22, `${records.length} lines`);
});
