import assert from "node:assert/strict";
import { compareVersions } from "../../../ring/protocol/push_version.ts";
import { versionsApart } from "../../../server/ring/versions_apart.ts";
import { agreedView } from "../../support/ring_rows.ts";
import { recordingLog } from "../../support/recording_log.ts";

const NOW = 1_700_000_000_000;

const STATE = { incarnation: 3, flaps: 0, disk: "disk-of-a", agreed: agreedView(7, ["a", "b"]) };

function versions(kept: string) {
  const { log, records } = recordingLog();
  return { version: versionsApart(kept, { wall: NOW, log }), records };
}

Deno.test("versionsApart() orders what came apart after all of the epoch that was left, and by time among itself", () => {
  const { version } = versions(JSON.stringify(STATE));
  assert.deepEqual(version?.(NOW), { epoch: 8, ms: NOW, ingress: "disk-of-a", sequence: 0 });
  const before = { epoch: 7, ms: NOW + 60_000, ingress: "b", sequence: 9 };
  assert.ok(compareVersions(version(NOW), before) > 0, "whatever the clock of its owner said");
  assert.ok(compareVersions(version(NOW + 1), version(NOW)) > 0);
});

Deno.test("versionsApart() gives way to what the ring took later, when it had gone on without this server", () => {
  const { version } = versions(JSON.stringify(STATE));
  for (const later of [{ epoch: 8, ms: NOW + 1 }, { epoch: 9, ms: NOW - 60_000 }]) {
    assert.ok(compareVersions({ ...later, ingress: "b", sequence: 9 }, version!(NOW)) > 0);
  }
});

Deno.test("versionsApart() has none for a server that never agreed on a view, or whose state cannot be read", () => {
  const { agreed: _, ...neverAgreed } = STATE;
  assert.equal(versions(JSON.stringify(neverAgreed)).version, undefined);
  const { version, records } = versions("{");
  assert.equal(version, undefined);
  assert.deepEqual(records.map(({ level }) => level), ["warn"]);
});
