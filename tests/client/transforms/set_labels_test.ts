import assert from "node:assert/strict";
import { setLabels } from "../../../client/transforms/set_labels.ts";
import { Account } from "../../../client/transforms/pipeline.ts";
import { families, series } from "../../support/series.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const set = (labels: Record<string, string>, lines: string[]) => {
  const account = new Account();
  const rule = setLabels(new Map(Object.entries(labels)), { origin: "--label" });
  const given = families(lines);
  const passed = rule(given, account);
  assert.deepEqual(rule(given, new Account()), passed, "when its labels come again");
  return { lines: series(passed), account: account.entries() };
};

Deno.test("setLabels() adds a label behind the others of every sample", () => {
  const { lines, account } = set({ region: "eu" }, ['up{job="a"} 1', "up 2", "down 3"]);
  assert.deepEqual(lines, ['up{job="a",region="eu"} 1', 'up{region="eu"} 2', 'down{region="eu"} 3']);
  assert.deepEqual(account, [{ rule: "--label region", effect: "labelled", count: 3 }]);
});

Deno.test("setLabels() puts a label in the place of the one that has its name", () => {
  assert.deepEqual(set({ b: "2" }, ['up{a="x",b="1",c="y"} 1']).lines, ['up{a="x",b="2",c="y"} 1']);
});

Deno.test("setLabels() leaves one of a label that came twice", () => {
  assert.deepEqual(set({ _id: "me" }, ['up{_id="x",a="1",_id="other"} 1']).lines, ['up{_id="me",a="1"} 1']);
});

Deno.test("setLabels() keeps the order of several labels", () => {
  assert.deepEqual(set({ z: "1", a: "2" }, ['up{m="x"} 1']).lines, ['up{m="x",z="1",a="2"} 1']);
});

Deno.test("setLabels() returns its input and keeps silent without labels", () => {
  const given = families(["up 1"]);
  const account = new Account();
  assert.equal(setLabels(new Map(), { origin: "--label" })(given, account), given);
  assert.deepEqual(account.entries(), []);
});

Deno.test("setLabels() leaves its input as it was", () => {
  const given = families(['up{a="1"} 1']);
  setLabels(new Map([["a", "2"]]), { origin: "--label" })(given, new Account());
  assert.deepEqual(series(given), ['up{a="1"} 1']);
});
