/**
 * The programs of the trial and what each is told: where series come from, the two ways that they take, and where they arrive.
 *
 * @module
 */

import type { ConfigFiles } from "../prometheus_config.ts";
import type { Release } from "../prometheus_runner.ts";
import type { Files } from "../trial_files.ts";
import { type Dialect, PAGES } from "./kind.ts";

/** A label of the exposer's series, which picks them everywhere. */
const TRIAL_LABEL = "trial";
const TRIAL_MATCHER = `${TRIAL_LABEL}="same-answers"`;
/** The selector of all that is sent. */
export const TRIAL_SELECTOR = `{${TRIAL_MATCHER}}`;
/** The label that tells in which form a series was read from a server. */
export const FORM_LABEL = "via";

/** A way from the source to the servers: a client, and the servers that it may push to. */
export interface Way {
  /** As reports say it. */
  readonly name: string;
  /** The cluster's id, in the label `_id` where its series arrive. */
  readonly id: string;
  /** The servers by name: the client pushes to the first. */
  readonly servers: readonly string[];
}

/** The ways. The id of the second belongs to the server that its client does not push to. */
export const WAYS: readonly Way[] = [
  { name: "one server", id: "alone", servers: ["alone"] },
  { name: "a ring of two", id: "ring", servers: ["ring-0", "ring-1"] },
];

/** How often everything happens. */
const PACE = { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" };

/** A form in which a central Prometheus reads the servers. */
export interface Form {
  /** As reports say it, and the value of {@linkcode FORM_LABEL}. */
  readonly name: "protobuf" | "text";
  /** Which names it has. */
  readonly names: "utf-8" | "underscores";
  /** The protocols that its scrapes ask for, in their order. @default what the release asks for */
  readonly protocols?: readonly string[];
}

/** A central Prometheus. */
export interface CentralPlan {
  /** As reports say it; unique. */
  readonly name: string;
  /** Its release. */
  readonly release: Release;
  /** Features that are switched on. */
  readonly features: readonly string[];
  /** The forms in which it reads each server. */
  readonly forms: readonly Form[];
}

const NATIVE = "native-histograms";
const TEXTS = ["OpenMetricsText1.0.0", "OpenMetricsText0.0.1", "PrometheusText1.0.0", "PrometheusText0.0.4"];

/** The central ones: what each release asks for with native histograms, and without. */
export const CENTRALS: readonly CentralPlan[] = [
  {
    name: "central-3.5",
    release: "3.5",
    features: [NATIVE],
    forms: [
      { name: "protobuf", names: "utf-8", protocols: ["PrometheusProto", ...TEXTS] },
      { name: "text", names: "utf-8", protocols: TEXTS },
    ],
  },
  // A release that knows no list of protocols: it asks for protobuf if native histograms are on.
  {
    name: "central-2.42-native",
    release: "2.42",
    features: [NATIVE],
    forms: [{ name: "protobuf", names: "underscores" }],
  },
  { name: "central-2.42", release: "2.42", features: [], forms: [{ name: "text", names: "underscores" }] },
];

/** The release of the source, which must know native histograms and UTF-8 names. */
export const SOURCE = { name: "source", release: "3.5", features: [NATIVE] } as const;

/** The source's configuration: it scrapes each page of the exposer. */
export function sourceConfig({ exposer }: { exposer: string }): ConfigFiles {
  return configOf(
    Object.entries(PAGES).map(([page, settings]) => ({
      job_name: page,
      metrics_path: `/${page}`,
      static_configs: [{ targets: [exposer], labels: { [TRIAL_LABEL]: "same-answers" } }],
      ...settings,
    })),
  );
}

/** A central one's configuration: it scrapes `/federate` of each server in each form. */
export function centralConfig({ forms, servers }: { forms: readonly Form[]; servers: readonly string[] }): ConfigFiles {
  return configOf(
    forms.map(({ name, protocols }) => ({
      job_name: `telemeter-${name}`,
      metrics_path: "/federate",
      honor_labels: true,
      ...(protocols === undefined ? {} : { scrape_protocols: protocols }),
      static_configs: [{ targets: servers }],
      metric_relabel_configs: [{ target_label: FORM_LABEL, replacement: name }],
    })),
  );
}

function configOf(jobs: readonly unknown[]): ConfigFiles {
  return { "prometheus.yml": JSON.stringify({ global: PACE, scrape_configs: jobs }, null, 2) + "\n" };
}

/** The flags of a way's client. */
export function clientFlags({ listen, from, to, way, files }: {
  readonly listen: URL;
  readonly from: URL;
  readonly to: URL;
  readonly way: Way;
  readonly files: Files;
}): string[] {
  return [
    `--listen=${listen.host}`,
    `--from=${from}`,
    `--to=${to}`,
    `--to-token-file=${files.token}`,
    `--id=${way.id}`,
    `--match=${TRIAL_SELECTOR}`,
    "--interval=1s",
  ];
}

/** How the source writes names. */
export const SOURCE_DIALECT: Dialect = dialect({ matchers: [TRIAL_MATCHER], nameOf: (name) => name });

/** How a central Prometheus writes names, and picks what came a way in a form. */
export function centralDialect({ way, form }: { way: Way; form: Form }): Dialect {
  const matchers = [TRIAL_MATCHER, `_id="${way.id}"`, `${FORM_LABEL}="${form.name}"`];
  return dialect({ matchers, nameOf: form.names === "utf-8" ? (name) => name : withUnderscores });
}

/** A name in the form that releases before UTF-8 names take. */
export function withUnderscores(name: string): string {
  return name.replaceAll(/^[0-9]|[^a-zA-Z0-9_:]/gu, "_");
}

function dialect(
  { matchers, nameOf }: { matchers: readonly string[]; nameOf: (name: string) => string },
): Dialect {
  const quoted = (name: string) => name === withUnderscores(name) ? name : JSON.stringify(name);
  return {
    series: (name, more) => {
      const all = [...matchers, ...more === undefined ? [] : [more]].join(",");
      const written = quoted(nameOf(name));
      return written.startsWith('"') ? `{${written},${all}}` : `${written}{${all}}`;
    },
    label: (name) => quoted(nameOf(name)),
  };
}
