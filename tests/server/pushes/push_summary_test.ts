import assert from "node:assert/strict";
import { Counter, Gauge } from "prom-client";
import { Registry } from "../../../common/metrics.ts";
import { PushSummary } from "../../../server/pushes/push_summary.ts";
import { recordingLog } from "../../support/recording_log.ts";

Deno.test("PushSummary tells what has happened since the last line, and nothing where nothing has", async () => {
  const registers = [new Registry()];
  const counter = (name: string, label: string) => new Counter({ name, help: "x", labelNames: [label], registers });
  const pushes = counter("telemeter_pushes_total", "result");
  const rejections = counter("telemeter_push_rejections_total", "reason");
  const sources = new Gauge({ name: "telemeter_sources", help: "x", labelNames: ["state"], registers });
  for (const result of ["stored", "standby", "rejected"]) pushes.inc({ result }, 0);
  for (const reason of ["rate", "limit", "token"]) rejections.inc({ reason }, 0);
  for (const [state, count] of [["refused", 1], ["silent", 0], ["up", 4]] as const) sources.set({ state }, count);
  const { log, records } = recordingLog();
  const summary = new PushSummary({ registry: registers[0], log });
  await summary.tell();
  assert.deepEqual(records, []);
  pushes.inc({ result: "stored" }, 3);
  pushes.inc({ result: "standby" });
  await summary.tell();
  pushes.inc({ result: "rejected" }, 3);
  rejections.inc({ reason: "rate" }, 2);
  rejections.inc({ reason: "token" });
  await summary.tell();
  await summary.tell();
  const sentence = "Pushes of the last minute", states = "refused=1,silent=0,up=4";
  assert.deepEqual(records, [
    { level: "info", sentence, fields: { accepted: 4, refused: 0, sources: states } },
    { level: "info", sentence, fields: { accepted: 0, refused: 3, reasons: "rate=2,token=1", sources: states } },
  ]);
});
