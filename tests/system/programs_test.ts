/** The real programs as processes, without a Prometheus: what they do at their start, at work and at their end. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../../scripts/process/eventually.ts";
import { ecKeys } from "../support/jwt.ts";
import { runProgram, startAuthorizer, startClient, startServer, tempFolder } from "../support/programs.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Exchanges a token at a server. */
async function authorize(server: URL, { id, token }: { id: string; token: string }): Promise<Response> {
  const url = new URL(`authorize?id=${id}`, server);
  return await fetch(url, { method: "POST", headers: { authorization: `Bearer ${token}` } });
}

/** Pushes text to a server, as a cluster that shows the token. */
async function push(server: URL, text: string, { token }: { token: string }): Promise<number> {
  const response = await fetch(new URL("upload", server), {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "text/plain; version=0.0.4" },
    body: text,
  });
  await response.body?.cancel();
  return response.status;
}

async function federate(server: URL): Promise<string> {
  return await (await fetch(new URL("federate", server))).text();
}

Deno.test("the server shows what was pushed before it was killed, and stops with code 0 on SIGTERM", async () => {
  await using folder = await tempFolder();
  await using authorizer = await startAuthorizer(["known"], { folder });
  const flags = [
    `--authorize=${authorizer.url}`,
    `--shared-key=${await folder.write("key.pem", ecKeys().pem)}`,
    "--label=region=north",
    "--ratelimit=0",
  ];
  const storageDir = join(folder.path, "data");
  const shown = '# TYPE up untyped\nup{_id="me",instance="",job="",region="north"} 7\n';
  let token: string;
  {
    await using server = await startServer(flags, { storageDir });
    const refused = await authorize(server.external, { id: "me", token: "unknown" });
    assert.equal(refused.status, 401);
    await refused.body?.cancel();
    const response = await authorize(server.external, { id: "me", token: "known" });
    ({ token } = await response.json());
    const line = `up{_id="me"} 7 ${Date.now()}\n`;
    assert.equal(await push(server.external, line, { token: `${token}x` }), 401);
    assert.equal(await push(server.external, line, { token }), 200);
    assert.equal(await push(server.external, `up{_id="you"} 8 ${Date.now()}\n`, { token }), 400);
    assert.equal(await federate(server.internal), shown);
    await server.child.kill();
  }
  await using server = await startServer(flags, { storageDir });
  assert.equal(await federate(server.internal), shown);
  assert.equal(await push(server.external, `up{_id="me"} 9 ${Date.now()}\n`, { token }), 200);
  assert.equal(await federate(server.internal), shown.replace("7", "9"));
  const { code, signal } = await server.child.stop();
  assert.deepEqual([code, signal], [0, null]);
  assert.ok(!server.child.lines.join("\n").includes(token), "the log holds a token");
});

Deno.test("the server shows samples of two days ago with --honor-timestamps=false, and else leaves them out", async () => {
  await using folder = await tempFolder();
  const twoDaysAgo = Date.now() - 2 * 86_400_000;
  const rows: [flag: string, shown: RegExp][] = [
    ["--honor-timestamps=false", /^up\{_id="me",.*\} 1$/m],
    ["--honor-timestamps", /^$/],
  ];
  for (const [flag, shown] of rows) {
    await using server = await startServer([flag, "--ratelimit=0"], { storageDir: join(folder.path, flag) });
    const { token } = await (await authorize(server.external, { id: "me", token: "any" })).json();
    assert.equal(await push(server.external, `up{_id="me"} 1 ${twoDaysAgo}\n`, { token }), 200);
    assert.match(await federate(server.internal), shown);
  }
});

Deno.test("the client takes its series to a server, and stops with code 0 on SIGTERM", async () => {
  await using folder = await tempFolder();
  await using source = new SourcePrometheus();
  source.up({ name: "up", type: "gauge", metrics: [{ labels: [], value: 1, timestampMs: Date.now() }] });
  await using server = await startServer(["--ratelimit=0"], { storageDir: join(folder.path, "data") });
  await using client = await startClient([
    `--from=${source.url}`,
    `--to=${server.external}`,
    `--to-token-file=${await folder.write("token", "any")}`,
    "--id=me",
    "--label=site=a",
  ]);
  const page = await eventually("the series to arrive", async () => await federate(server.internal) || undefined, {
    timeoutMs: 20_000,
  });
  assert.equal(page, '# TYPE up gauge\nup{_id="me",instance="",job="",site="a"} 1\n');
  const { code, signal } = await client.child.stop();
  assert.deepEqual([code, signal], [0, null]);
});

const LISTEN_CLUSTER = "--listen-cluster=127.0.0.1:9006";
const CLUSTER_FILES = [
  "--cluster-ca=/nowhere/ca.crt",
  "--cluster-crt=/nowhere/a.crt",
  "--cluster-key=/nowhere/a.key",
] as const;

for (
  const [task, args, sentence] of [
    ["server", ["--ttl=soon"], /^telemeter-server: Bad --ttl: .*'soon'/],
    ["server", ["--no-such-flag"], /^telemeter-server: Unknown option '--no-such-flag'/],
    [
      "server",
      ["--shared-key=/nowhere/key.pem"],
      /^telemeter-server: Bad --shared-key: Cannot read '\/nowhere\/key\.pem': there is no such file: make it, or name another$/,
    ],
    [
      "server",
      ["--tls-crt=/nowhere/a", "--tls-key=/nowhere/b"],
      /^telemeter-server: Bad --tls-crt: Cannot read '\/nowhere\/a': there is no such file: make it, or name another$/,
    ],
    [
      "server",
      ["--whitelist-file=/nowhere/list"],
      /^telemeter-server: Bad --whitelist-file: Cannot read '\/nowhere\/list': there is no such file: make it, or name another$/,
    ],
    ["server", ["--shared-key=deno.json"], /^telemeter-server: Bad --shared-key 'deno\.json': /],
    [
      "server",
      ["--verify-key=/nowhere/key.pem"],
      /^telemeter-server: Bad --verify-key: Cannot read '\/nowhere\/key\.pem': there is no such file: make it, or name another$/,
    ],
    [
      "server",
      ["--revoked-file=/nowhere/ids"],
      /^telemeter-server: Bad --revoked-file: Cannot read '\/nowhere\/ids': there is no such file: make it, or name another$/,
    ],
    [
      "server",
      ["--trusted-proxy=10.0.0.0/33"],
      /^telemeter-server: Bad --trusted-proxy: .*'10\.0\.0\.0\/33' as a network/,
    ],
    ["server", ["--whitelist={"], /^telemeter-server: Bad --whitelist: /],
    [
      "server",
      ["--tls-crt=cert.pem"],
      /^telemeter-server: Cannot use one of --tls-crt and --tls-key without the other/,
    ],
    [
      "server",
      ["--internal-tls-crt=/nowhere/a", "--internal-tls-key=/nowhere/b"],
      /^telemeter-server: Bad --internal-tls-crt: Cannot read '\/nowhere\/a': there is no such file: make it, or name another$/,
    ],
    ["server", ["--elide-label=_id"], /^telemeter-server: Bad --elide-label: Cannot remove the label '_id'/],
    ["server", ["--label=a-b=c"], /^telemeter-server: Bad --label: Cannot use 'a-b' as the name of a label/],
    [
      "server",
      ["--authorize=http://127.0.0.1:1", "--authorize-issuer-url=http://127.0.0.1:1"],
      /^telemeter-server: Cannot use --authorize-issuer-url without/,
    ],
    ["server", ["--join=127.0.0.1:1"], /^telemeter-server: Cannot use --join without --listen-cluster/],
    ["server", ["--name=a"], /^telemeter-server: Cannot use --name without --listen-cluster/],
    ["server", [LISTEN_CLUSTER], /^telemeter-server: Cannot use --listen-cluster without --cluster-ca/],
    [
      "server",
      [LISTEN_CLUSTER, ...CLUSTER_FILES],
      /^telemeter-server: Cannot use --listen-cluster without --shared-key/,
    ],
    [
      "server",
      ["--listen-cluster=:9006", "--shared-key=key.pem", ...CLUSTER_FILES],
      /^telemeter-server: Cannot tell where others reach this server: set --advertise-cluster/,
    ],
    [
      "server",
      [LISTEN_CLUSTER, "--shared-key=key.pem", ...CLUSTER_FILES],
      /^telemeter-server: Bad --cluster-crt: Cannot read '\/nowhere\/a\.crt': there is no such file: make it, or name another$/,
    ],
    [
      "server",
      [LISTEN_CLUSTER, "--shared-key=key.pem", "--limit-bytes=2000000", ...CLUSTER_FILES],
      /^telemeter-server: Cannot use --limit-bytes 2000000 in a ring/,
    ],
    ["client", [], /^telemeter-client: Cannot start without --from/],
    ["client", ["--from=http://127.0.0.1:1", "--match={"], /^telemeter-client: Bad --match: /],
    ["authorization-server", ["127.0.0.1:0"], /^authorization-server: .*TOKENS\.json/],
  ] as const
) {
  Deno.test(`${task} ${args.join(" ")} ends with code 2 and one sentence`, async () => {
    const { code, output } = await runProgram(task, args);
    // Warnings may come before it.
    const lines = output.split("\n").filter((line) => !line.includes(" level=warning "));
    assert.match(lines[0], sentence);
    assert.equal(lines.length, 1, output);
    assert.equal(code, 2);
  });
}

Deno.test("a program whose port is taken says so", async () => {
  await using folder = await tempFolder();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const tokens = await folder.write("tokens.json", '[{"token":"a"}]');
  const { code, output } = await runProgram("authorization-server", [`127.0.0.1:${taken.addr.port}`, tokens]);
  assert.notEqual(code, 0);
  assert.match(output, new RegExp(`${taken.addr.port}|in use`));
});

Deno.test("a server whose port is taken, or that has one port for two listeners, makes no store", async () => {
  await using folder = await tempFolder();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const place = `127.0.0.1:${taken.addr.port}`, storageDir = join(folder.path, "data");
  const free = "--listen=127.0.0.1:0", freeInternal = "--listen-internal=127.0.0.1:0";
  for (const flags of [[`--listen=${place}`, freeInternal], [free, `--listen-internal=${place}`]]) {
    const { code, output } = await runProgram("server", [...flags, `--storage-dir=${storageDir}`]);
    assert.equal(code, 2);
    assert.equal(
      output.split("\n").at(-1),
      `telemeter-server: Cannot listen on ${place}: another program already listens there; stop it or choose another port`,
    );
  }
  taken.close();
  const twice = [`--listen=${place}`, `--listen-internal=${place}`, `--storage-dir=${storageDir}`];
  assert.match((await runProgram("server", twice)).output, /telemeter-server: Cannot listen on 127\.0\.0\.1:\d+: /);
  await assert.rejects(Deno.stat(storageDir), Deno.errors.NotFound);
});

Deno.test("a server names what is wrong with a --storage-dir among the system's own", async () => {
  const { code, output } = await runProgram("server", [
    ...["--listen=127.0.0.1:0", "--listen-internal=127.0.0.1:0", "--storage-dir=/proc/telemeter"],
  ]);
  assert.equal(code, 2);
  assert.equal(
    output.split("\n").at(-1),
    "telemeter-server: Cannot open the store in '/proc/telemeter': it is in one of the system's own directories: " +
      "give a --storage-dir on a disk, such as data/",
  );
});
