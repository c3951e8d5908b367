/** The alerts that we ship: what promtool says of them, and that each is tried, explained and about what it should be. */

import assert from "node:assert/strict";
import { parse } from "yaml";
import { SOURCE_METRIC_PREFIX } from "../../common/exposition/names.ts";
import { selectorsOf } from "../support/promql.ts";
import { promtool } from "../support/promtool.ts";
import { shownMetrics } from "../support/shown_metrics.ts";

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const folder = new URL("../../deploy/prometheus/", import.meta.url);
const read = (file: string, base = folder) => Deno.readTextFile(new URL(file, base));
const rules: Rule[] = parse(await read("rules.yml")).groups.flatMap(({ rules }: { rules: Rule[] }) => rules);
const alerts = rules.filter((rule) => rule.alert !== undefined);
const tool = await promtool();

Deno.test({
  name: "promtool takes the rules, and each alert fires when it should and does not when it should not",
  ignore: tool === undefined,
  fn: async () => {
    for (const args of [["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]]) {
      const { code, stdout, stderr } = await new Deno.Command(tool!, { args, cwd: folder }).output();
      assert.equal(code, 0, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
    }
  },
});

Deno.test("every alert has a case that fires and one that does not", async () => {
  const tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[] =
    parse(await read("rules_test.yml")).tests;
  for (const { alert } of alerts) {
    const cases = tests.flatMap((test) => test.alert_rule_test).filter(({ alertname }) => alertname === alert);
    assert.ok(cases.some(({ exp_alerts }) => exp_alerts.length > 0), `${alert} never fires`);
    assert.ok(cases.some(({ exp_alerts }) => exp_alerts.length === 0), `${alert} always fires`);
  }
});

Deno.test("every alert has a section in the runbooks that says how to see it, why it happens, what to do and when to wake whom", async () => {
  const runbooks = await read("../../docs/runbooks.md");
  const sections = new Map(runbooks.split(/^## /m).slice(1).map((text) => [text.split("\n")[0].trim(), text]));
  for (const { alert, annotations } of alerts) {
    const section = sections.get(alert!);
    assert.ok(section !== undefined, `docs/runbooks.md has no section ${alert}`);
    for (const part of ["See", "Why", "Do", "Wake"]) {
      assert.match(section, new RegExp(`^\\*\\*${part}\\*\\*`, "m"), alert);
    }
    assert.ok(annotations!.runbook_url.endsWith(`docs/runbooks.md#${alert!.toLowerCase()}`), alert);
  }
  const known = new Set(alerts.map(({ alert }) => alert));
  assert.deepEqual([...sections.keys()].filter((name) => !known.has(name)), []);
});

/** Of exporters, whose series tell nothing of Telemeter's. */
const FOREIGN = /^(?:node_|kubelet_)/;

Deno.test("rules about sources want the identity label, and rules about servers want it away", () => {
  for (const { alert, record, expr } of rules) {
    for (const { text, metric = "" } of selectorsOf(expr)) {
      const wanted = metric.startsWith(SOURCE_METRIC_PREFIX) ? /_id!=""/ : /_id=""/;
      if (!FOREIGN.test(metric)) assert.match(text, wanted, `${alert ?? record}: ${text}`);
    }
  }
});

Deno.test("every metric that a rule asks for is one that our programs show", async () => {
  const known = await shownMetrics();
  for (const { alert, record, expr } of rules) {
    for (const { metric } of selectorsOf(expr)) {
      assert.ok(metric !== undefined, `${alert ?? record} asks for no metric by its name`);
      if (!FOREIGN.test(metric) && metric !== "up") {
        assert.ok(known.has(metric), `${alert ?? record} asks for ${metric}`);
      }
    }
  }
});
