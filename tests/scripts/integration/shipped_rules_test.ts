import assert from "node:assert/strict";
import { parse } from "yaml";
import { shippedRules } from "../../../scripts/integration/shipped_rules.ts";

interface Rule {
  readonly expr: string;
  readonly for?: string;
}

Deno.test("shippedRules() changes how long alerts wait and what rates look back over, and nothing else", async () => {
  const read = (text: string): Rule[] => parse(text).groups.flatMap(({ rules }: { rules: Rule[] }) => rules);
  const shipped = read(await Deno.readTextFile(new URL("../../../deploy/prometheus/rules.yml", import.meta.url)));
  const quick = read(await shippedRules({ wait: "2s", range: "15s" }));
  assert.deepEqual(
    quick,
    shipped.map((rule) => ({
      ...rule,
      expr: rule.expr.replaceAll(/\[\d+[mh]\]/g, "[15s]"),
      ...rule.for !== undefined && { for: "2s" },
    })),
  );
  assert.ok(quick.some((rule, i) => rule.expr !== shipped[i].expr && rule.for === "2s"));
});
