import assert from "node:assert/strict";
import { rename } from "../../../client/transforms/rename.ts";
import { Account } from "../../../client/transforms/pipeline.ts";
import { families, series } from "../../support/series.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const renamed = (names: Record<string, string>, lines: string[]) => {
  const account = new Account();
  const passed = rename(new Map(Object.entries(names)))(families(lines), account);
  return { passed, lines: series(passed), account: account.entries() };
};

Deno.test("rename() gives a family its new name and counts its samples", () => {
  const { lines, account } = renamed({ ALERTS: "alerts" }, ['ALERTS{a="1"} 1', 'ALERTS{a="2"} 1', "up 1"]);
  assert.deepEqual(lines, ['alerts{a="1"} 1', 'alerts{a="2"} 1', "up 1"]);
  assert.deepEqual(account, [{ rule: "--rename ALERTS=alerts", effect: "renamed", count: 2 }]);
});

Deno.test("rename() shows a rule that found nothing", () => {
  assert.deepEqual(renamed({ ALERTS: "alerts" }, ["up 1"]).account, [
    { rule: "--rename ALERTS=alerts", effect: "renamed", count: 0 },
  ]);
});

Deno.test("rename() looks a new name up no further", () => {
  assert.deepEqual(renamed({ a: "b", b: "c" }, ["a 1", "b 2"]).lines, ["b 1", "c 2"]);
});

Deno.test("rename() swaps two names", () => {
  assert.deepEqual(renamed({ a: "b", b: "a" }, ["a 1", "b 2"]).lines, ["b 1", "a 2"]);
});

Deno.test("rename() joins a family with the one that has its new name", () => {
  const { passed, lines } = renamed({ ALERTS: "alerts" }, ['ALERTS{a="1"} 1', "up 1", 'alerts{a="2"} 1']);
  assert.deepEqual(lines, ['alerts{a="1"} 1', 'alerts{a="2"} 1', "up 1"]);
  assert.equal(passed.length, 2);
});

Deno.test("rename() joins families of different types as untyped if each carries one number", () => {
  const given = [
    { name: "old", type: "counter" as const, metrics: [{ labels: [], value: 1 }] },
    { name: "new", type: "gauge" as const, metrics: [{ labels: [], value: 2 }] },
  ];
  const passed = rename(new Map([["old", "new"]]))(given, new Account());
  assert.deepEqual(passed.map(({ name, type }) => [name, type]), [["new", "untyped"]]);
});

Deno.test("rename() keeps a histogram apart from a gauge of its new name", () => {
  const given = [
    { name: "old", type: "histogram" as const, metrics: [{ labels: [], value: { count: 1, sum: 1, buckets: [] } }] },
    { name: "new", type: "gauge" as const, metrics: [{ labels: [], value: 2 }] },
  ];
  const passed = rename(new Map([["old", "new"]]))(given, new Account());
  assert.deepEqual(passed.map(({ name, type }) => [name, type]), [["new", "histogram"], ["new", "gauge"]]);
});

Deno.test("rename() leaves namesakes alone that no rule touched", () => {
  assert.equal(renamed({ ALERTS: "alerts" }, ["up 1", "down 1", "up 2"]).passed.length, 3);
});
