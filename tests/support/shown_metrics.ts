/**
 * The metrics that our programs show, from pages of running ones: a server in a ring, which asks an authorizer, and a client
 * that pushes to it.
 *
 * @module
 */

import { join } from "node:path";
import { makeCertificates } from "../../scripts/certificates/certificate_folder.ts";
import { distinctPorts } from "../../scripts/process/free_port.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { ecKeys } from "./jwt.ts";
import { startAuthorizer, startClient, startServer, tempFolder } from "./programs.ts";
import { SourcePrometheus } from "./source_prometheus.ts";

/** The names of all series that the programs may show, of parts of histograms too. */
export async function shownMetrics(): Promise<ReadonlySet<string>> {
  await using folder = await tempFolder();
  await using authorizer = await startAuthorizer(["known"], { folder });
  await makeCertificates({ dir: folder.path, names: ["a"], hosts: ["127.0.0.1"], days: 1 });
  await using server = await startServer([
    "--source-metrics",
    "--ratelimit=0",
    // Nobody listens there, which is told as well.
    "--forward-url=http://127.0.0.1:1/api/v1/write",
    `--authorize=${authorizer.url}`,
    `--shared-key=${await folder.write("key.pem", ecKeys().pem)}`,
    `--listen-cluster=127.0.0.1:${distinctPorts()(9006)}`,
    "--name=a",
    `--cluster-ca=${join(folder.path, "ca.crt")}`,
    `--cluster-crt=${join(folder.path, "a.crt")}`,
    `--cluster-key=${join(folder.path, "a.key")}`,
  ], { storageDir: join(folder.path, "data") });
  await using source = new SourcePrometheus();
  source.up({ name: "up", type: "gauge", metrics: [{ labels: [], value: 1, timestampMs: Date.now() }] });
  await using client = await startClient([
    `--from=${source.url}`,
    `--to=${server.external}`,
    `--to-token-file=${await folder.write("token", "known")}`,
    "--id=me",
  ]);
  const page = async (base: URL, path: string) => await (await fetch(new URL(path, base))).text();
  const federate = await eventually("the source to be shown", async () => {
    const text = await page(server.internal, "federate");
    return text.includes("telemeter_source_limit_ratio") ? text : undefined;
  }, { timeoutMs: 20_000 });
  const pages = [federate, await page(server.internal, "metrics"), await page(client.url, "metrics")];
  const types = pages.flatMap((text) => [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]);
  return new Set(types.flatMap(([, name, type]) => [name, ...(SUFFIXES[type] ?? []).map((suffix) => name + suffix)]));
}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ["_bucket", "_count", "_sum"],
  summary: ["_count", "_sum"],
};
