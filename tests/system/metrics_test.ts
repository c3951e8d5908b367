/** What server and client show on /metrics from the first moment on, and what promtool says of it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { CLASS_LIMITS, MESSAGE_TYPES } from "../../ring/protocol/mesh.ts";
import { RING_REFUSAL_REASONS } from "../../ring/transport/refusal_log.ts";
import { makeCertificates } from "../../scripts/certificates/certificate_folder.ts";
import { runToEnd } from "../../scripts/process/child.ts";
import { distinctPorts } from "../../scripts/process/free_port.ts";
import { SERVER_OPTIONS } from "../../server/options.ts";
import { PUSH_REJECTION_REASONS } from "../../server/pushes/refusal.ts";
import { CertificateAuthority } from "../support/certificate_authority.ts";
import { makeCertificate } from "../support/certificates.ts";
import { ecKeys } from "../support/jwt.ts";
import { promtool } from "../support/promtool.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";
import { TelemeterServer } from "../support/telemeter_server.ts";
import { startClient, startServer, tempFolder } from "../support/programs.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Names of openshift/telemeter that break conventions, and stay: beside each stands one that does not. */
const KEPT: Readonly<Record<string, string>> = {
  metricsclient_request_retrieve: "telemeter_client_scrape_answers_total",
  metricsclient_request_send: "telemeter_client_push_answers_total",
};

/** The pages of a fresh server and a fresh client, each with TLS. */
async function freshPages(): Promise<{ server: string; client: string }> {
  await using folder = await tempFolder();
  const { cert, key } = await makeCertificate("localhost");
  const [crt, keyFile] = [await folder.write("crt", cert), await folder.write("key", key)];
  const trusted = await folder.write("trusted", (await CertificateAuthority.create()).cert);
  const flags = [`--tls-crt=${crt}`, `--tls-key=${keyFile}`, `--client-ca=${trusted}`, "--limit-total-series=7"];
  await using server = await startServer(flags, { storageDir: join(folder.path, "data") });
  await using client = await startClient([
    ...["--from=http://127.0.0.1:1", "--to=https://127.0.0.1:1", "--id=a", "--to-token=b", `--to-ca-file=${crt}`],
  ]);
  const page = async (url: URL) => await (await fetch(new URL("metrics", url))).text();
  return { server: await page(server.internal), client: await page(client.url) };
}

/** The page of a fresh member of a ring, which has nobody to talk to, forwards and asks an authorizer. */
async function freshMember(): Promise<string> {
  await using folder = await tempFolder();
  await makeCertificates({ dir: folder.path, names: ["a"], hosts: ["127.0.0.1"], days: 1 });
  await using server = await startServer([
    `--listen-cluster=127.0.0.1:${distinctPorts()(9006)}`,
    ...["--name=a", `--cluster-ca=${join(folder.path, "ca.crt")}`],
    ...[`--cluster-crt=${join(folder.path, "a.crt")}`, `--cluster-key=${join(folder.path, "a.key")}`],
    ...[`--shared-key=${await folder.write("key.pem", ecKeys().pem)}`, "--authorize=http://127.0.0.1:1"],
    "--forward-url=http://127.0.0.1:1/api/v1/write",
  ], { storageDir: join(folder.path, "data") });
  return await (await fetch(new URL("metrics", server.internal))).text();
}

Deno.test("a fresh member of a ring shows every counter as 0 whose labels are known, so that no first event is missed", async () => {
  const page = await freshMember();
  // What is labelled by what comes has no series before that comes.
  assert.deepEqual(countersWithoutSamples(page), ["http_requests_total"]);
  for (const reason of RING_REFUSAL_REASONS) {
    assert.equal(valueOf(page, `telemeter_ring_refused_total{reason="${reason}"}`), 0, reason);
  }
  for (const type of Object.keys(MESSAGE_TYPES)) {
    assert.ok(valueOf(page, `telemeter_ring_unsent_total{type="${type}"}`) >= 0, type);
  }
  for (const kind of Object.keys(CLASS_LIMITS)) {
    assert.equal(valueOf(page, `telemeter_ring_queue_full_total{class="${kind}"}`), 0, kind);
  }
});

/** The families of a page that are counters, and have no sample. */
function countersWithoutSamples(page: string): string[] {
  const counters = Array.from(page.matchAll(/^# TYPE (\S+) counter$/gm), ([, name]) => name);
  return counters.filter((name) => !new RegExp(`^${name}[{ ]`, "m").test(page));
}

/** The value of a series. */
function valueOf(page: string, series: string): number {
  const line = page.split("\n").find((line) => line.startsWith(`${series} `));
  return line === undefined ? NaN : Number(line.slice(series.length));
}

Deno.test("a fresh server and a fresh client show every refusal and failure as 0, their build, limits and certificates", async () => {
  const { server, client } = await freshPages();
  for (const reason of PUSH_REJECTION_REASONS) {
    assert.equal(valueOf(server, `telemeter_push_rejections_total{reason="${reason}"}`), 0, reason);
  }
  for (const stage of ["scrape", "rules", "exchange", "push"]) {
    assert.ok(valueOf(client, `telemeter_client_forwards_failed_total{stage="${stage}"}`) >= 0, stage);
  }
  // What is labelled by what comes has no series before that comes.
  assert.deepEqual(countersWithoutSamples(server), ["http_requests_total"]);
  assert.deepEqual(countersWithoutSamples(client), [...Object.entries(KEPT).flat()]);
  for (const page of [server, client]) {
    assert.match(page, /^telemeter_build_info\{version="\d+\.\d+\.\d+",deno="\d+\.\d+\.\d+"\} 1$/m);
    assert.match(page, /^telemeter_certificate_expiry_timestamp_seconds\{file="\/.*\/crt"\} \d+/m);
  }
  assert.match(server, /^telemeter_certificate_expiry_timestamp_seconds\{file="\/.*\/trusted"\} \d+/m);
  const limits = Array.from(server.matchAll(/^telemeter_limit\{limit="(\w+)"\}/gm), ([, limit]) => limit);
  const unset = ["connections_per_address", "connections_per_network"];
  const known = Object.keys(SERVER_OPTIONS).filter((name) => name.startsWith("limit"))
    .map((name) => name.slice(5).replaceAll(/\B[A-Z]/g, "_$&").toLowerCase());
  assert.deepEqual(limits, known.filter((name) => !unset.includes(name)));
  assert.equal(valueOf(server, 'telemeter_limit{limit="total_series"}'), 7);
  assert.equal(valueOf(server, 'telemeter_limit{limit="future"}'), 600);
  for (const limit of ["clusters", "total_series"]) {
    assert.equal(valueOf(server, `telemeter_limit_used{limit="${limit}"}`), 0);
  }
  assert.ok(valueOf(server, 'telemeter_limit_used{limit="memory"}') > 10_000_000);
});

/** What a client has only once it was answered. */
async function answeredPart(): Promise<string> {
  await using source = new SourcePrometheus().up({
    name: "up",
    type: "untyped",
    metrics: [{ labels: [], value: 1, timestampMs: Date.now() }],
  });
  await using server = new TelemeterServer();
  await using client = await startClient([
    `--from=${source.url}`,
    `--to=${server.url}`,
    "--id=a",
    "--to-token=initial",
  ]);
  await client.child.line(/msg=Pushed/);
  const page = await (await fetch(new URL("metrics", client.url))).text();
  const part = page.split("\n").filter((line) =>
    Object.entries(KEPT).flat().some((name) => line.startsWith(`${name}{`))
  );
  assert.equal(part.length, 4);
  return part.join("\n") + "\n";
}

Deno.test("the reasons for which a push may be refused are all known to the counter from the start", async () => {
  const root = new URL("../../", import.meta.url);
  // Where a push passes; what ends before the handler is counted by status alone.
  const rooms = [
    "server/pushes",
    "server/limits",
    "server/authorization/authenticate.ts",
    "server/authorization/tokens.ts",
  ];
  const before = new Set(["headers_timeout"]);
  const found = new Set<string>();
  const read = async (path: string) => {
    const text = await Deno.readTextFile(new URL(path, root));
    for (const [, reason] of text.matchAll(/\breason: "(\w+)"/g)) found.add(reason);
  };
  for (const room of [...rooms, "common/http/http.ts", "common/http/connection.ts"]) {
    if (room.endsWith(".ts")) await read(room);
    else for await (const { name } of Deno.readDir(new URL(`${room}/`, root))) await read(`${room}/${name}`);
  }
  // Of samples in pushes that are taken.
  for (const reason of ["allow_list", "duplicate"]) found.delete(reason);
  assert.ok(found.size >= 8, [...found].join());
  assert.deepEqual([...found].filter((reason) => !PUSH_REJECTION_REASONS.includes(reason) && !before.has(reason)), []);
});

Deno.test("promtool finds nothing wrong with the metrics of server and client but names that stay", async (t) => {
  const tool = await promtool();
  if (tool === undefined) return;
  await using folder = await tempFolder();
  const { server, client } = await freshPages();
  for (const [program, page] of Object.entries({ server, client: client + await answeredPart() })) {
    await t.step(program, async () => {
      const path = await folder.write(program, page);
      const outcome = await runToEnd("sh", ["-c", `"$1" check metrics < "$2" 2>&1`, "sh", tool, path]);
      const said = outcome!.stdout.split("\n").filter((line) => line !== "");
      const kept = program === "client" ? Object.keys(KEPT) : [];
      assert.deepEqual(said, kept.map((name) => `${name} counter metrics should have "_total" suffix`));
    });
  }
});
