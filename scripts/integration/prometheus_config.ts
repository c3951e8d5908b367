/**
 * The configuration files of the two Prometheuses at the ends of Telemeter.
 *
 * @module
 */
// They are written as JSON, which YAML includes, and keep to what version 2.42 knows.

/** Files by name; Prometheus starts with `prometheus.yml`. */
export type ConfigFiles = Readonly<Record<string, string>>;

/** A label that tells replicas of a Prometheus apart: of no use beyond it, so the server elides it. */
export const REPLICA_LABEL = "prometheus_replica";
/** The series that the source's recording rule makes. */
export const RECORDED_NAME = "job:up:count";
/** The alert of the source that fires at once and always. */
export const ALERT_NAME = "AlwaysFiring";

/** The job of the central Prometheus that scrapes the servers' own metrics. */
export const SERVERS_JOB = "telemeter-itself";

const RULES_FILE = "telemeter.yml";
const PACE = { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" };

/** Where a Prometheus sends its series by itself, and as whom. */
export interface WriteTarget {
  /** Where it sends them. */
  readonly url: URL;
  /** Where it gets its tokens, by client credentials. */
  readonly tokenUrl: URL;
  /** The id of its cluster. */
  readonly id: string;
  /** The initial token of that. */
  readonly secret: string;
}

/**
 * A Prometheus that watches itself, with one recording rule and one alert that fires, and that may send what comes of them by
 * remote write.
 */
export function sourceConfig({ port, writesTo }: { port: number; writesTo?: WriteTarget }): ConfigFiles {
  return files({
    "prometheus.yml": {
      global: { ...PACE, external_labels: { [REPLICA_LABEL]: "source-0" } },
      rule_files: ["rules.yml"],
      ...writesTo === undefined ? {} : { remote_write: [remoteWrite(writesTo)] },
      scrape_configs: [{ job_name: "prometheus", static_configs: [{ targets: [`127.0.0.1:${port}`] }] }],
    },
    "rules.yml": {
      groups: [{
        name: "telemeter",
        rules: [
          { record: RECORDED_NAME, expr: "count by (job) (up)" },
          { alert: ALERT_NAME, expr: "vector(1)", labels: { severity: "none" } },
        ],
      }],
    },
  });
}

/** Soon, as people wait for it, and under the names that the client sends them by. */
function remoteWrite({ url, tokenUrl, id, secret }: WriteTarget) {
  return {
    url,
    oauth2: { client_id: id, client_secret: secret, token_url: tokenUrl },
    write_relabel_configs: [
      { source_labels: ["__name__"], regex: `up|${RECORDED_NAME}|ALERTS`, action: "keep" },
      { source_labels: ["__name__"], regex: "ALERTS", target_label: "__name__", replacement: "alerts" },
    ],
    queue_config: { batch_send_deadline: "1s", max_backoff: "1s" },
  };
}

/** A Prometheus that has what it is sent. */
export function receiverConfig(): ConfigFiles {
  return files({ "prometheus.yml": {} });
}

/**
 * A Prometheus that scrapes `/federate` and `/metrics` of Telemeter servers, named as it reaches them: `HOST:PORT`. It
 * evaluates the rules of a text, if there is one.
 */
export function centralConfig({ servers, rules }: { servers: readonly string[]; rules?: string }): ConfigFiles {
  const static_configs = [{ targets: servers }];
  const config = files({
    "prometheus.yml": {
      global: PACE,
      rule_files: rules === undefined ? [] : [RULES_FILE],
      scrape_configs: [
        // The labels of the series say where they come from, not those of the server that shows them.
        { job_name: "telemeter", metrics_path: "/federate", honor_labels: true, static_configs },
        { job_name: SERVERS_JOB, static_configs },
      ],
    },
  });
  return rules === undefined ? config : { ...config, [RULES_FILE]: rules };
}

function files(contents: Readonly<Record<string, unknown>>): ConfigFiles {
  return Object.fromEntries(
    Object.entries(contents).map(([name, data]) => [name, JSON.stringify(data, null, 2) + "\n"]),
  );
}
