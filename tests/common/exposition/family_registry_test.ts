import assert from "node:assert/strict";
import { FamilyRegistry, metricOf } from "../../../common/exposition/family_registry.ts";
import { formatText } from "../../../common/exposition/text_format.ts";

const pageOf = (registry: FamilyRegistry) => new TextDecoder().decode(formatText(registry.families()));

Deno.test("FamilyRegistry shows a counter or gauge without labels as 0 at once, and one with labels as they come up", () => {
  const registry = new FamilyRegistry();
  const plain = registry.counter({ name: "a_total", help: "What a counts" });
  const labelled = registry.counter({ name: "b_total", help: "What b counts" }, { labelled: true });
  const gauge = registry.gauge({ name: "c", help: "What c measures" });
  assert.equal(
    pageOf(registry),
    `# HELP a_total What a counts
# TYPE a_total counter
a_total 0
# HELP b_total What b counts
# TYPE b_total counter
# HELP c What c measures
# TYPE c gauge
c 0
`,
  );
  plain.add(1);
  plain.add(2);
  labelled.add(0, { code: "500", side: "from" });
  labelled.add(1, { code: "200", side: "from" });
  labelled.add(1, { code: "200", side: "to" });
  labelled.add(1, { code: "200", side: "from" });
  gauge.set(1.5);
  gauge.set(-2);
  assert.deepEqual(pageOf(registry).split("\n").filter((line) => /^[a-z]/.test(line)), [
    "a_total 3",
    'b_total{code="500",side="from"} 0',
    'b_total{code="200",side="from"} 2',
    'b_total{code="200",side="to"} 1',
    "c -2",
  ]);
});

Deno.test("FamilyRegistry.families() are those of the moment, each read anew", () => {
  const registry = new FamilyRegistry();
  let reads = 0;
  registry.read(() => ({ name: "reads", type: "gauge", metrics: [metricOf({ kind: "x" }, ++reads)] }));
  const counter = registry.counter({ name: "a_total", help: "What a counts" });
  const before = registry.families();
  counter.add(1);
  assert.equal(before[1].metrics[0].value, 0);
  assert.deepEqual(before[0].metrics, [{ labels: [{ name: "kind", value: "x" }], value: 1 }]);
  assert.equal(registry.families()[0].metrics[0].value, 2);
});
