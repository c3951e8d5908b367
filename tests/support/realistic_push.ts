/**
 * A push as a cluster of some tens of nodes sends it: twenty families, 521 series, some 300 bytes of labels each, made up by
 * rule so that every run has the same.
 *
 * @module
 */

import type { Label, MetricFamily, MetricType } from "../../common/exposition/metric_family.ts";

const COMMON: readonly Label[] = [
  { name: "prometheus", value: "monitoring/k8s" },
  { name: "prometheus_replica", value: "prometheus-k8s-0" },
];
const OPERATORS = [
  "authentication",
  "console",
  "dns",
  "image-registry",
  "ingress",
  "machine-api",
  "marketplace",
  "network",
];
const CONDITIONS = ["Available", "Degraded", "Progressing", "Upgradeable"];

/** Name, type, how many series, and the labels of the i-th. */
const FAMILIES: readonly (readonly [
  name: string,
  type: MetricType,
  series: number,
  labels: (i: number) => Record<string, string>,
])[] = [
  ["up", "untyped", 61, (i) => ({
    endpoint: "https-metrics",
    instance: `10.0.${128 + i % 32}.${i}:10250`,
    job: OPERATORS[i % 8],
    namespace: `kube-${OPERATORS[i % 8]}`,
    pod: `${OPERATORS[i % 8]}-${(i * 2_654_435_761 >>> 0).toString(36)}`,
    service: OPERATORS[i % 8],
  })],
  ["apiserver_object_counts", "untyped", 310, (i) => ({
    apiserver: "kube-apiserver",
    endpoint: "https",
    instance: `10.0.${140 + i % 3}.17:6443`,
    job: "apiserver",
    namespace: "default",
    resource: `resource-${(i / 3) | 0}.group-${i % 7}.example.io`,
    service: "kubernetes",
  })],
  ["cluster_operator_conditions", "gauge", 80, (i) => ({
    condition: CONDITIONS[i % 4],
    endpoint: "metrics",
    instance: "10.0.140.17:9099",
    job: "cluster-version-operator",
    name: `${OPERATORS[(i / 4) % 8 | 0]}-${(i / 32) | 0}`,
    namespace: "cluster-version",
    pod: "cluster-version-operator-74886cc778-6hwnq",
    reason: i % 4 === 0 ? "AsExpected" : "",
    service: "cluster-version-operator",
  })],
  ["cluster_operator_up", "gauge", 25, (i) => ({
    endpoint: "metrics",
    instance: "10.0.140.17:9099",
    job: "cluster-version-operator",
    name: `${OPERATORS[i % 8]}-${i}`,
    version: "4.21.3",
  })],
  [
    "ALERTS",
    "untyped",
    8,
    (i) => ({ alertname: `Alert${i}`, alertstate: "firing", instance: "", severity: "warning" }),
  ],
  [
    "machine_cpu_cores",
    "gauge",
    6,
    (i) => ({ instance: `10.0.140.${i}:10250`, node: `ip-10-0-140-${i}.ec2.internal` }),
  ],
  [
    "machine_memory_bytes",
    "gauge",
    6,
    (i) => ({ instance: `10.0.140.${i}:10250`, node: `ip-10-0-140-${i}.ec2.internal` }),
  ],
  ["code:apiserver_request_count:rate:sum", "untyped", 7, (i) => ({ code: String(200 + i), instance: "" })],
  ...[
    "capacity_cpu_cores",
    "capacity_memory_bytes",
    "cpu_usage_cores",
    "memory_usage_bytes",
    "version",
    "version_payload",
  ]
    .map((name) =>
      [`cluster:${name}:sum`, "untyped", 2, (i: number) => ({ instance: "", role: `role-${i}` })] as const
    ),
  ...["a", "b", "c", "d", "e", "f"].map((name) =>
    [`recorded:${name}:sum`, "counter", 1, () => ({ instance: "" })] as const
  ),
];

/** The families of one push, all samples taken within the four minutes before `nowMs`, ascending within a family. */
export function realisticFamilies({ id, nowMs }: { id: string; nowMs: number }): MetricFamily[] {
  return FAMILIES.map(([name, type, series, labels]) => ({
    name,
    type,
    metrics: Array.from({ length: series }, (_, i) => ({
      labels: [...Object.entries(labels(i)).map(([name, value]) => ({ name, value })), ...COMMON, {
        name: "_id",
        value: id,
      }],
      value: i % 3 === 0 ? 1 : i % 3 === 1 ? i * 1_048_576.5 : i / 7,
      timestampMs: nowMs - 240_000 + Math.floor(240_000 * i / series),
    })),
  }));
}
