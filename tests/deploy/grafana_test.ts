/** The dashboards that we ship: what their panels ask, of which series, and how they are laid out. */

import assert from "node:assert/strict";
import { SOURCE_METRIC_PREFIX } from "../../common/exposition/names.ts";
import { askingPanels, type Panel, readDashboards, withVariables } from "../../scripts/integration/dashboards.ts";
import { DASHBOARD, faultsOfShape } from "./dashboard_schema.ts";
import { selectorsOf } from "../support/promql.ts";
import { shownMetrics } from "../support/shown_metrics.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const VALUES = { job: ".*", instance: ".*", id: "$id", __rate_interval: "1m" };
/** Made by the Prometheus that scrapes, not by us. */
const OF_PROMETHEUS: ReadonlySet<string> = new Set(["up", "ALERTS"]);

const dashboards = await readDashboards();
const panels = dashboards.flatMap(({ dashboard }) =>
  askingPanels(dashboard).map((panel) => ({ panel, at: `${dashboard.title}: ${panel.title}` }))
);
/** The uids of all data sources that are named anywhere in a dashboard. */
function dataSourcesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => key === "datasource" ? [inner.uid] : dataSourcesIn(inner));
}

const queries = panels.flatMap(({ panel, at }) => panel.targets!.map(({ expr }) => ({ expr, at })));

Deno.test("the dashboards are of the fleet, of one source and of the ring, and link to each other", () => {
  assert.deepEqual(dashboards.map(({ dashboard: { uid } }) => uid), [
    "telemeter-fleet",
    "telemeter-ring",
    "telemeter-source",
  ]);
  for (const { dashboard: { title, tags, links } } of dashboards) {
    assert.deepEqual(tags, ["telemeter"], title);
    assert.ok(links.some(({ type, tags }) => type === "dashboards" && tags.includes("telemeter")), title);
  }
  const fleet = dashboards[0].text;
  assert.match(fleet, /\/d\/telemeter-source\?[^"]*var-id=/, "no source of the fleet leads to its dashboard");
});

Deno.test("the dashboards name no data source, job or server of their own", () => {
  for (const { dashboard, text } of dashboards) {
    const { title, templating } = dashboard;
    assert.deepEqual([...new Set(dataSourcesIn(dashboard))], ["${datasource}"], title);
    // "All" means all servers of Telemeter: `.*` would be every process that the Prometheus scrapes.
    assert.ok(!text.includes('"allValue"'), title);
    const names = templating.list.map(({ name }) => name);
    assert.equal(names[0], "datasource", title);
    assert.equal(templating.list[0].type, "datasource", title);
    for (const variable of ["job", "instance", "id"]) {
      assert.equal(
        names.includes(variable),
        text.includes(`=~\\"$${variable}\\"`) || text.includes(`=\\"$${variable}\\"`),
      );
    }
  }
});

Deno.test("the dashboards hold what Grafana knows and nothing else, and no panel has the number of another", () => {
  for (const { dashboard } of dashboards) {
    assert.deepEqual(faultsOfShape(dashboard, DASHBOARD), [], dashboard.title);
    const ids = dashboard.panels.map((panel) => (panel as unknown as { id: number }).id);
    assert.equal(new Set(ids).size, ids.length, dashboard.title);
  }
});

Deno.test("faultsOfShape() finds keys that are misspelt or missing, and values that are none", () => {
  const dashboard = JSON.parse(dashboards[0].text);
  const at = dashboard.panels.findIndex(({ type }: Panel) => type === "timeseries");
  const panel = dashboard.panels[at];
  const changes: readonly (readonly [changed: unknown, fault: string])[] = [
    [{ ...panel, targts: [] }, "has a key targts"],
    [{ ...panel, gridPos: { x: 0, y: 0, w: 1 } }, ".gridPos has no h"],
    [{ ...panel, type: "graph" }, '.type is "graph", none of bargauge, row, stat, state-timeline, table, timeseries'],
    [{ ...panel, id: 1.5 }, ".id is no integer"],
    [{ ...panel, targets: {} }, ".targets is no list"],
    [{ ...panel, constructor: 1 }, "has a key constructor"],
    [null, "is no object"],
  ];
  for (const [changed, fault] of changes) {
    const [found] = faultsOfShape({ ...dashboard, panels: [changed] }, DASHBOARD);
    assert.equal(found.replace("$.panels[0]", "").trim(), fault);
  }
});

Deno.test("every panel asks something, has a unit, and says what it shows", () => {
  assert.ok(panels.length > 50, `there are ${panels.length}`);
  for (const { panel: { targets, description, fieldConfig }, at } of panels) {
    assert.ok(targets !== undefined && targets.length > 0, `${at} asks nothing`);
    assert.match(description ?? "", /^\S.{20,}\.$/, `${at} does not say what it shows`);
    assert.ok(fieldConfig?.defaults.unit, `${at} has no unit`);
  }
});

Deno.test("the panels of a dashboard lie within its 24 columns, none over another", () => {
  const isApart = ({ gridPos: a }: Panel, { gridPos: b }: Panel) =>
    a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
  for (const { dashboard: { title, panels } } of dashboards) {
    for (const [i, panel] of panels.entries()) {
      const { x, y, w, h } = panel.gridPos;
      assert.ok(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= 24, `${title}: ${panel.title}`);
      const over = panels.slice(i + 1).find((other) => !isApart(panel, other));
      assert.equal(over, undefined, `${title}: ${panel.title} lies over ${over?.title}`);
    }
  }
});

Deno.test("every query is PromQL, and rates are over the interval that Grafana works out", () => {
  for (const { expr, at } of queries) {
    assert.ok(selectorsOf(withVariables(expr, VALUES)).length > 0, `${at}: ${expr}`);
    // What tells of an hour says so in its title.
    const ranges = [...expr.matchAll(/\[([^\]]+)\]/g)].map(([, range]) => range);
    for (const range of ranges) {
      assert.ok(range === "$__rate_interval" || (range === "1h" && expr.startsWith("increase(")), `${at}: ${expr}`);
    }
  }
});

Deno.test("selectors of sources want the identity label, and those of servers want it away", () => {
  const definitions = dashboards.flatMap(({ dashboard: { title, templating } }) =>
    templating.list.flatMap(({ name, query }) => {
      const selector = typeof query === "string" ? undefined : /^label_values\((.*), \w+\)$/.exec(query.query)?.[1];
      return selector === undefined ? [] : [{ expr: selector, at: `${title}: the variable ${name}` }];
    })
  );
  assert.equal(definitions.length, 5);
  for (const { expr, at } of [...queries, ...definitions]) {
    for (const { text, metric } of selectorsOf(withVariables(expr, VALUES))) {
      const isOfSource = metric === undefined || metric === "ALERTS" || metric.startsWith(SOURCE_METRIC_PREFIX);
      assert.match(text, isOfSource ? /\b_id(?:!=""|="\$id")/ : /\b_id=""/, `${at}: ${text}`);
      if (!isOfSource) assert.match(text, /\b_id="".*\bjob=~|^\w+\{_id=""\}$/, `${at}: ${text}`);
    }
  }
});

Deno.test("every metric that a dashboard asks for is one that our programs show", async () => {
  const known = await shownMetrics();
  for (const { expr, at } of queries) {
    for (const { metric } of selectorsOf(withVariables(expr, VALUES))) {
      if (metric !== undefined && !OF_PROMETHEUS.has(metric)) {
        assert.ok(known.has(metric), `${at} asks for ${metric}`);
      }
    }
  }
});
