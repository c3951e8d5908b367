import assert from "node:assert/strict";
import { centralConfig, sourceConfig } from "../../../scripts/integration/prometheus_config.ts";

Deno.test("centralConfig() scrapes every server each second: /federate with the series' own labels, and /metrics", () => {
  const files = centralConfig({ servers: ["127.0.0.1:9004", "127.0.0.1:9014"] });
  const static_configs = [{ targets: ["127.0.0.1:9004", "127.0.0.1:9014"] }];
  const { scrape_configs, global, rule_files } = JSON.parse(files["prometheus.yml"]);
  assert.deepEqual(scrape_configs, [
    { job_name: "telemeter", metrics_path: "/federate", honor_labels: true, static_configs },
    { job_name: "telemeter-itself", static_configs },
  ]);
  assert.equal(global.scrape_interval, "1s");
  assert.deepEqual([rule_files, Object.keys(files)], [[], ["prometheus.yml"]]);
});

Deno.test("centralConfig() takes rules as the text of a file", () => {
  const { "prometheus.yml": config, ...rest } = centralConfig({ servers: [], rules: "groups: []\n" });
  const [file] = JSON.parse(config).rule_files;
  assert.deepEqual(rest, { [file]: "groups: []\n" });
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
