import assert from "node:assert/strict";
import { dockerRemove, dockerRun, engineOf } from "../../../scripts/integration/docker.ts";
import { prometheusCommand } from "../../../scripts/integration/prometheus.ts";
import { hostSeenFrom } from "../../../scripts/integration/prometheus_runner.ts";

const PLAN = { name: "central", port: 9005, folder: "/trial/central" };
const IMAGE = "prom/prometheus:v3.5.0";
const IDS = { unique: "1a2b", user: "1000:1000" };

for (
  const [info, engine] of [
    ['Debian GNU/Linux 12 (bookworm)|["name=apparmor","name=seccomp,profile=builtin"]\n', { hostNetwork: true }],
    ['Docker Desktop|["name=seccomp,profile=unconfined"]\n', { hostNetwork: false }],
    // Its containers do not reach this machine's loopback addresses.
    ['Ubuntu 24.04|["name=seccomp,profile=builtin","name=rootless"]\n', undefined],
    ["|null\n", undefined],
    ["", undefined],
  ] as const
) {
  Deno.test(`engineOf() reads ${JSON.stringify(info)}`, () => assert.deepEqual(engineOf(info), engine));
}

Deno.test("prometheusCommand() uses the machine's own network where Docker runs on the machine itself", () => {
  const runner = { engine: { hostNetwork: true }, image: IMAGE };
  assert.equal(hostSeenFrom(runner), "127.0.0.1");
  const { start, remove } = prometheusCommand(runner, PLAN, IDS);
  assert.equal(start.path, "docker");
  assert.deepEqual(start.args, [
    "run",
    "--rm",
    "--name=telemeter-central-1a2b",
    "--network=host",
    "--user=1000:1000",
    "--security-opt=label=disable",
    "--mount=type=bind,source=/trial/central/config,target=/etc/prometheus,readonly",
    "--tmpfs=/prometheus:mode=1777",
    IMAGE,
    "--config.file=/etc/prometheus/prometheus.yml",
    "--storage.tsdb.path=/prometheus",
    "--web.listen-address=127.0.0.1:9005",
  ]);
  assert.deepEqual(remove, { path: "docker", args: ["rm", "--force", "--volumes", "telemeter-central-1a2b"] });
});

Deno.test("prometheusCommand() publishes the port where Docker runs in a virtual machine", () => {
  const runner = { engine: { hostNetwork: false }, image: IMAGE };
  assert.equal(hostSeenFrom(runner), "host.docker.internal");
  const { args } = prometheusCommand(runner, PLAN, IDS).start;
  assert.deepEqual(args.slice(2, 6), [
    "--name=telemeter-central-1a2b",
    "--publish=127.0.0.1:9005:9005",
    "--add-host=host.docker.internal:host-gateway",
    "--user=1000:1000",
  ]);
  assert.equal(args.at(-1), "--web.listen-address=0.0.0.0:9005");
});

Deno.test("prometheusCommand() starts a binary with the web pages that lie beside it", () => {
  const runner = { path: "/cache/usr/bin/prometheus", assets: "/cache/usr/share/prometheus/web" };
  assert.deepEqual(prometheusCommand(runner, PLAN, IDS), {
    start: {
      name: "central",
      path: "/cache/usr/bin/prometheus",
      args: [
        "--config.file=/trial/central/config/prometheus.yml",
        "--storage.tsdb.path=/trial/central/data",
        "--web.listen-address=127.0.0.1:9005",
        "--web.local-assets=/cache/usr/share/prometheus/web",
      ],
    },
  });
});

Deno.test("prometheusCommand() switches features on", () => {
  const { args } = prometheusCommand({ path: "prometheus" }, { ...PLAN, features: ["a", "b"] }, IDS).start;
  assert.equal(args.at(-1), "--enable-feature=a,b");
});

Deno.test("dockerRun() leaves the user to the image where this machine has no user ids", () => {
  const container = { name: "a", image: "b", port: 1, mounts: {}, scratch: [], args: [] };
  assert.equal(dockerRun({ hostNetwork: true }, container).some((arg) => arg.startsWith("--user")), false);
  assert.deepEqual(dockerRemove("a").at(-1), "a");
});
