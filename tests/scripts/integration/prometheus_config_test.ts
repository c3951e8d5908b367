import assert from "node:assert/strict";
import { centralConfig, sourceConfig } from "../../../scripts/integration/prometheus_config.ts";

Deno.test("centralConfig() scrapes /federate of every server each second and keeps the series' own labels", () => {
  const files = centralConfig({ servers: ["127.0.0.1:9004", "127.0.0.1:9014"] });
  assert.deepEqual(JSON.parse(files["prometheus.yml"]).scrape_configs, [{
    job_name: "telemeter",
    metrics_path: "/federate",
    honor_labels: true,
    static_configs: [{ targets: ["127.0.0.1:9004", "127.0.0.1:9014"] }],
  }]);
  assert.equal(JSON.parse(files["prometheus.yml"]).global.scrape_interval, "1s");
});

Deno.test("sourceConfig() records a rule and fires an alert", () => {
  const files = sourceConfig({ port: 9090 });
  const { rule_files, scrape_configs } = JSON.parse(files["prometheus.yml"]);
  assert.deepEqual(scrape_configs[0].static_configs, [{ targets: ["127.0.0.1:9090"] }]);
  const { groups: [{ rules }] } = JSON.parse(files[rule_files[0]]);
  assert.deepEqual(rules.map((rule: Record<string, string>) => rule.record ?? rule.alert), [
    "job:up:count",
    "AlwaysFiring",
  ]);
});
