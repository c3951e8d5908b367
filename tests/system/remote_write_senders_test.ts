/** Real senders of remote write to the real server; those that cannot be had on this machine are said to be skipped. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { messageOf } from "../../common/explain.ts";
import { findRelease, type Release } from "../../scripts/integration/prometheus_runner.ts";
import { unpackDebianPackage } from "../../scripts/integration/debian_package.ts";
import { Child } from "../../scripts/process/child.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { freePort } from "../../scripts/process/free_port.ts";
import { OpenServer } from "../support/open_server.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const TIMEOUT = { timeoutMs: 40_000, intervalMs: 200 };

/** A target with a counter, a gauge, a classic histogram, and a series that a test may take away. */
class Target implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  hasPassing = true;

  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () =>
      new Response(
        [
          "# TYPE made_total counter",
          'made_total{kind="a b\\"c"} 7',
          "# TYPE level gauge",
          "level -2.5",
          "# TYPE took_seconds histogram",
          'took_seconds_bucket{le="1"} 1',
          'took_seconds_bucket{le="+Inf"} 3',
          "took_seconds_sum 9.5",
          "took_seconds_count 3",
          ...this.hasPassing ? ["# TYPE passing gauge", "passing 1"] : [],
          "",
        ].join("\n"),
        { headers: { "content-type": "text/plain; version=0.0.4" } },
      ));
  }

  get port(): number {
    return this.#server.addr.port;
  }

  async [Symbol.asyncDispose]() {
    await this.#server.shutdown();
  }
}

/** What the target's series come to on the page, without those of the sender's own. */
async function ofTarget(server: OpenServer): Promise<string[]> {
  return (await server.lines()).filter((line) => line.includes('job="target"') && !/^(scrape_|up\{)/.test(line));
}

const LABELS = '_id="x",instance="target:1",job="target"';
const STAYING = [
  `level{${LABELS}} -2.5`,
  `made_total{${LABELS},kind="a b\\"c"} 7`,
  `took_seconds_bucket{${LABELS},le="+Inf"} 3`,
  `took_seconds_bucket{${LABELS},le="1"} 1`,
  `took_seconds_bucket{${LABELS},le="1.0"} 1`,
  `took_seconds_count{${LABELS}} 3`,
  `took_seconds_sum{${LABELS}} 9.5`,
].sort();

/** All of the target's series but for the form of a bound, which Prometheus 3 writes as `1.0`. */
function assertShown(lines: readonly string[], others: readonly string[]) {
  const isBound = (line: string) => /le="1(\.0)?"/.test(line);
  assert.deepEqual(
    lines.filter((line) => !isBound(line)),
    [...STAYING.filter((line) => !isBound(line)), ...others].sort(),
  );
  assert.ok(lines.some(isBound));
}

/** Has a sender scrape the target and send what it finds: what there is is shown, what vanishes goes. */
async function trySender(
  start: (options: { target: Target; server: OpenServer; token: string; folder: string }) => Promise<Child>,
) {
  const folder = await Deno.makeTempDir();
  try {
    await using target = new Target();
    await using server = await OpenServer.start();
    const token = join(folder, "token");
    await Deno.writeTextFile(token, await server.token("x"));
    await using child = await start({ target, server, token, folder });
    try {
      await eventually("series on the page", async () => (await ofTarget(server)).length >= STAYING.length, TIMEOUT);
      assertShown(await ofTarget(server), [`passing{${LABELS}} 1`]);
      // It ends at the source long before its samples pass their time here.
      target.hasPassing = false;
      const isGone = async () => !(await ofTarget(server)).some((line) => line.startsWith("passing"));
      await eventually("the end of a series on the page", isGone, TIMEOUT);
      const before = await ofTarget(server);
      assertShown(before, []);
      await server.crash();
      await eventually("series on the page after a restart", async () => (await ofTarget(server)).length > 0, TIMEOUT);
      assertShown(await ofTarget(server), []);
    } catch (error) {
      throw new Error(`${messageOf(error)}\n--- the last lines of the sender\n${child.tail(15)}`, { cause: error });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The scrape configuration that all senders share; their own clocks may be as slow as a second. */
function scraping(target: Target): string {
  return [
    "global: {scrape_interval: 1s, scrape_timeout: 1s}",
    "scrape_configs:",
    "  - job_name: target",
    `    static_configs: [{targets: ["127.0.0.1:${target.port}"]}]`,
    "    relabel_configs: [{target_label: instance, replacement: 'target:1'}]",
    "",
  ].join("\n");
}

interface PrometheusCase {
  readonly release: Release;
  readonly version: "1.0" | "2.0";
  readonly flags: (folder: string) => readonly string[];
  readonly as: string;
}

const SERVER = (folder: string) => [`--storage.tsdb.path=${folder}/data`];
const CASES: readonly PrometheusCase[] = [
  { release: "2.42", version: "1.0", as: "server", flags: SERVER },
  {
    release: "2.42",
    version: "1.0",
    as: "agent",
    flags: (folder) => ["--enable-feature=agent", `--storage.agent.path=${folder}/data`],
  },
  { release: "3.5", version: "1.0", as: "server", flags: SERVER },
  {
    release: "3.5",
    version: "2.0",
    as: "server",
    flags: (folder) => [...SERVER(folder), "--enable-feature=metadata-wal-records"],
  },
  {
    release: "3.5",
    version: "2.0",
    as: "agent",
    flags: (folder) => ["--agent", `--storage.agent.path=${folder}/data`],
  },
];

/** Defines a test that needs a program; where there is none, its name says so and why. */
function senderTest(name: string, path: string, start: Parameters<typeof trySender>[0]) {
  const isThere = path.startsWith("/") || path === "prometheus";
  Deno.test({
    name: `${name}, and what it shows and ends is shown and ends here${isThere ? "" : ` (skipped: ${path})`}`,
    ignore: !isThere,
    fn: () => trySender(start),
  });
}

/** Where a Prometheus is, or why there is none. */
async function prometheus(release: Release): Promise<string> {
  const runner = await findRelease(release).catch(messageOf);
  if (typeof runner === "string") return runner;
  return "path" in runner ? runner.path : "it is in Docker only";
}

const paths = { "2.42": await prometheus("2.42"), "3.5": await prometheus("3.5") };

for (const { release, version, flags, as } of CASES) {
  const path = paths[release];
  senderTest(
    `Prometheus ${release} as ${as} sends remote write ${version}`,
    path,
    async ({ target, server, token, folder }) => {
      const config = join(folder, "prometheus.yml");
      await Deno.writeTextFile(
        config,
        [
          scraping(target) + "remote_write:",
          `  - url: http://127.0.0.1:${server.port}/api/v1/write`,
          `    authorization: {credentials_file: "${token}"}`,
          ...version === "2.0" ? ["    protobuf_message: io.prometheus.write.v2.Request"] : [],
          "    metadata_config: {send_interval: 1s}",
          "    queue_config: {batch_send_deadline: 1s, min_backoff: 100ms, max_backoff: 1s}",
          "",
        ].join("\n"),
      );
      const listen = `--web.listen-address=127.0.0.1:${freePort()}`;
      const args = [`--config.file=${config}`, listen, ...flags(folder)];
      return new Child({ name: `prometheus ${release}`, path, args });
    },
  );
}

const agent = await vmagent().catch(messageOf);

senderTest("vmagent sends remote write", agent, async ({ target, server, token, folder }) => {
  const config = join(folder, "scrape.yml");
  await Deno.writeTextFile(config, scraping(target));
  const args = [
    `-promscrape.config=${config}`,
    `-remoteWrite.url=http://127.0.0.1:${server.port}/api/v1/write`,
    `-remoteWrite.bearerTokenFile=${token}`,
    `-remoteWrite.tmpDataPath=${folder}/data`,
    "-remoteWrite.flushInterval=1s",
    `-httpListenAddr=127.0.0.1:${freePort()}`,
  ];
  return new Child({ name: "vmagent", path: agent, args });
});

/** Where Debian's vmagent is, unpacked into the user's cache folder. */
async function vmagent(): Promise<string> {
  const folder = join(Deno.env.get("HOME") ?? "", ".cache/telemeter/victoria-metrics");
  for (const attempt of [1, 2]) {
    for (const name of ["vmagent", "victoria-metrics-vmagent"]) {
      const path = join(folder, "usr/bin", name);
      if (await Deno.stat(path).then(() => true, () => false)) return path;
    }
    if (attempt === 1) await unpackDebianPackage({ name: "victoria-metrics", suite: "sid" }, folder);
  }
  throw new Error("Debian's package victoria-metrics has no vmagent");
}
