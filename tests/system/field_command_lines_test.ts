/** The real client under command lines that are in use for openshift/telemeter's. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { Child } from "../../scripts/process/child.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { CertificateAuthority } from "../support/certificate_authority.ts";
import { startClient, tempFolder } from "../support/programs.ts";
import { series } from "../support/series.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";
import { TelemeterServer } from "../support/telemeter_server.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** The first of the selectors that openshift/cluster-monitoring-operator hands to its client; it has some two hundred. */
const MATCHES = [
  '{__name__=~"cluster:usage:.*"}',
  '{__name__="count:up0"}',
  '{__name__="count:up1"}',
  '{__name__="cluster_version"}',
  '{__name__="ALERTS",alertstate="firing",severity=~"critical|warning|info|none"}',
  ...Array.from({ length: 200 }, (_, i) => `{__name__="cluster:metric_${i}:sum"}`),
];

/** A page of more than the 200 KB that a client takes by default. */
function page(nowMs: number): string {
  const count = Array.from({ length: 5_000 }, (_, i) => `cluster:metric_1:sum{pod="pod-${i}"} ${i} ${nowMs}`);
  return [`ALERTS{alertname="Down",alertstate="firing"} 1 ${nowMs}`, ...count, ""].join("\n");
}

/** A Prometheus behind the proxy of an OpenShift cluster: it wants a client certificate and a token. */
async function guardedPrometheus({ authority, token }: { authority: CertificateAuthority; token: string }) {
  const { cert, key } = await authority.issue("prometheus-k8s");
  const asked: { by: string; matches: string[] }[] = [];
  const options = { cert, key, ca: authority.cert, requestCert: true, rejectUnauthorized: true };
  const server = createServer(options, (request, response) => {
    const { pathname, searchParams } = new URL(request.url!, "https://source");
    if (request.headers.authorization !== `Bearer ${token}`) return void response.writeHead(401).end();
    if (pathname !== "/federate") return void response.writeHead(404).end();
    const by = (request.socket as TLSSocket).getPeerCertificate().subject.CN;
    asked.push({ by: String(by), matches: searchParams.getAll("match[]") });
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(page(Date.now()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

Deno.test("the client runs by the command line of openshift/cluster-monitoring-operator", async () => {
  const authority = await CertificateAuthority.create();
  await using folder = await tempFolder();
  const { cert, key } = await authority.issue("telemeter-client");
  await using source = await guardedPrometheus({ authority, token: "service-account-token" });
  await using server = new TelemeterServer();
  // assets/telemeter-client/deployment.yaml, and what TelemeterClientDeployment() of pkg/manifests adds to it.
  const flags = [
    "--id=7b3c4d5e-0000-4000-8000-000000000000",
    `--from=${source.url}`,
    `--tls-cert-file=${await folder.write("tls.crt", cert)}`,
    `--tls-private-key-file=${await folder.write("tls.key", key)}`,
    `--from-ca-file=${await folder.write("service-ca.crt", `${authority.cert}\n`)}`,
    `--from-token-file=${await folder.write("service-account", "service-account-token\n")}`,
    `--to=${server.url}`,
    `--to-token-file=${await folder.write("token", "initial")}`,
    "--listen=localhost:0",
    `--anonymize-salt-file=${await folder.write("salt", "c2FsdCBvZiAzMiByYW5kb20gYnl0ZXM=")}`,
    "--anonymize-labels=",
    ...MATCHES.map((match) => `--match=${match}`),
    "--limit-bytes=5242880",
  ];
  await using client = await startClient(flags, { env: { HTTP_PROXY: "", HTTPS_PROXY: "", NO_PROXY: "" } });
  const { cluster, families } = await server.pushes.take();
  assert.equal(cluster, "7b3c4d5e-0000-4000-8000-000000000000");
  assert.deepEqual(source.asked, [{ by: "telemeter-client", matches: MATCHES }]);
  assert.deepEqual(families.map(({ name, metrics }) => [name, metrics.length]), [["alerts", 1], [
    "cluster:metric_1:sum",
    5_000,
  ]]);
  // As the sidecar of the deployment does when the authorities change.
  const reloaded = await fetch(new URL("/-/reload", client.url), { method: "POST" });
  assert.deepEqual([reloaded.status, await reloaded.text()], [200, "Reloaded\n"]);
  const { code, signal } = await client.child.stop();
  assert.deepEqual([code, signal], [0, null]);
});

Deno.test("the client takes flags without a value for none, and shows nothing with --listen=", async () => {
  await using folder = await tempFolder();
  await using source = new SourcePrometheus();
  await using server = new TelemeterServer();
  source.up({ name: "ALERTS", type: "untyped", metrics: [{ labels: [], value: 1, timestampMs: Date.now() }] });
  const empty = [
    ...[
      "from-token",
      "from-token-file",
      "from-ca-file",
      "from-proxy",
      "to-upload",
      "to-auth",
      "to-token",
      "to-ca-file",
    ],
    ...[
      "to-proxy",
      "match-file",
      "label",
      "anonymize-labels",
      "anonymize-salt",
      "anonymize-salt-file",
      "tls-cert-file",
    ],
    ...["tls-private-key-file", "listen"],
  ];
  const flags = [
    ...[`--from=${source.url}`, `--to=${server.url}`, "--id=me"],
    `--to-token-file=${await folder.write("token", "initial")}`,
    ...empty.map((name) => `--${name}=`),
    ...["--rename=,", "--verbose=false"],
  ];
  await using client = new Child(taskCommand("client", flags));
  assert.deepEqual(series((await server.pushes.take()).families), ['ALERTS{_id="me"} 1']);
  await client.line(/ msg="Shows nothing over HTTP, as --listen is empty"/);
  assert.doesNotMatch(client.lines.join("\n"), /level=debug|msg=Listening/);
});
