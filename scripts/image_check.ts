/**
 * Builds the images of `deploy/Containerfile` with the Docker engine of this machine, runs them as production does, and checks that
 * a series travels through them.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { messageOf } from "../common/explain.ts";
import { listen } from "../common/http/http_server.ts";
import { FailedError, run } from "../common/lifecycle.ts";
import type { Logger } from "../common/log.ts";
import { flag, text } from "../common/option_kinds.ts";
import type { OptionTable, OptionValues, Program } from "../common/options.ts";
import { authorizerStub } from "./authorization_server.ts";
import { makeCertificates } from "./certificates/certificate_folder.ts";
import { makeDebianBase } from "./images/debian_base.ts";
import { type ContainerEnd, docker, HardenedContainer } from "./images/hardened_container.ts";
import { findEngine } from "./integration/docker.ts";
import { runToEnd } from "./process/child.ts";
import { eventually } from "./process/eventually.ts";
import { freePort } from "./process/free_port.ts";

/** The options of its command line. */
export const IMAGE_CHECK_OPTIONS = {
  base: {
    kind: text,
    help: "The image to build on, in place of the one that deploy/Containerfile names",
    since: "0.1.0",
    why: "Set it where images come from a registry of your own",
  },
  debootstrap: {
    kind: flag,
    help: "Make the base with debootstrap and the Deno that runs this, as root",
    since: "0.1.0",
    why: "Set it where no registry of images is in reach",
  },
} as const satisfies OptionTable;

/** The program as `--help` shows it. */
export const IMAGE_CHECK: Program<typeof IMAGE_CHECK_OPTIONS> = {
  name: "image-check",
  summary: "Builds the images of deploy/Containerfile with Docker, and runs them as production does.",
  options: IMAGE_CHECK_OPTIONS,
};

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TARGETS = ["server", "client"] as const;
/** Who the programs run as. */
const USER_ID = 65_532;
/** No other than these are in use: containers and volumes go with the check. */
const PREFIX = `telemeter-image-check-${Deno.pid}`;
/** How long a series may take from the source to the server's page, in milliseconds. */
const TRAVEL_MS = 60_000;

interface Surroundings {
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly say: (line: string) => void;
}

async function build(
  target: typeof TARGETS[number],
  { base, signal }: { base: string | undefined; signal: AbortSignal },
): Promise<void> {
  await docker([
    "build",
    "--network=host",
    ...(base === undefined ? [] : [`--build-arg=BASE=${base}`]),
    `--file=${join(ROOT, "deploy/Containerfile")}`,
    `--target=${target}`,
    `--tag=${imageOf(target)}`,
    ROOT,
  ], { signal });
}

/** That Deno opens the cache of an image, whose root nobody can write; its own log tells. */
async function checkCache(image: string, { say }: Pick<Surroundings, "say">): Promise<void> {
  const args = ["run", "--rm", "--read-only", "--network=none", "--env=DENO_LOG=debug", image, "--version"];
  const output = (await runToEnd("docker", args))?.output ?? "";
  const seen = output.split("\n").filter((line) => line.includes("dep_analysis_cache")).join("; ");
  mustHold(`Deno opens the cache of ${image}`, { holds: /Opening cache/.test(seen) && !/Failed/.test(seen), seen });
  say(`passed: ${image} has a cache that Deno opens without writing`);
}

function imageOf(target: typeof TARGETS[number]): string {
  return `telemeter-${target}:check`;
}

/** Secrets and certificates as an administrator lays them down: for the containers' user alone. */
async function writeSecrets(dir: string): Promise<{ token: string }> {
  const token = randomBytes(32).toString("hex");
  await makeCertificates({ dir: join(dir, "certs"), names: ["server"], hosts: ["localhost"], days: 90 });
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  await Deno.writeTextFile(join(dir, "token"), token, { mode: 0o600 });
  await Deno.writeTextFile(join(dir, "token.key"), privateKey.export({ type: "sec1", format: "pem" }).toString(), {
    mode: 0o600,
  });
  const paths = ["", "certs", "certs/ca.crt", "certs/server.crt", "certs/server.key", "token", "token.key"];
  for (const path of paths) await Deno.chown(join(dir, path), USER_ID, USER_ID);
  return { token };
}

/** A Prometheus with one series, as far as a client reads it. */
function source(): Response {
  return new Response(`# TYPE up untyped\nup{job="image",instance="check"} 1 ${Date.now()}\n`, {
    headers: { "content-type": "text/plain; version=0.0.4" },
  });
}

function mustHold(claim: string, { holds, seen }: { holds: boolean; seen: unknown }): void {
  if (!holds) throw new FailedError(`failed: ${claim}: ${seen}`);
}

async function check({ signal, log, say }: Surroundings): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const dir = await Deno.makeTempDir({ prefix: "telemeter-images-" });
  stack.defer(() => Deno.remove(dir, { recursive: true }));
  const { token } = await writeSecrets(dir);
  const address = { hostname: "127.0.0.1", port: 0 };
  const authorizer = stack.use(await listen(authorizerStub([token]), { address, name: "authorizer", log }));
  const prometheus = stack.use(await listen(source, { address, name: "source", log }));
  const volume = `${PREFIX}-data`;
  stack.defer(async () => void await docker(["volume", "rm", "--force", volume]));
  const external = freePort();
  const page = `http://localhost:9004/federate?match[]={__name__=~".%2B"}`;

  const startServer = () =>
    HardenedContainer.start({
      name: `${PREFIX}-server`,
      image: imageOf("server"),
      mounts: { "/etc/telemeter": dir },
      volumes: { "/data": volume },
      args: [
        "--require-tls",
        `--listen=127.0.0.1:${external}`,
        `--authorize=${authorizer.url.href}`,
        "--shared-key=/etc/telemeter/token.key",
        "--tls-crt=/etc/telemeter/certs/server.crt",
        "--tls-key=/etc/telemeter/certs/server.key",
      ],
    });
  const shown = () =>
    eventually("the server shows the series", async (signal) => {
      const text = await (await fetch(page, { signal })).text();
      return text.split("\n").find((line) => line.startsWith("up{") && line.includes('_id="image-check"'));
    }, { timeoutMs: TRAVEL_MS, signal });
  const mustStop = async (container: HardenedContainer, program: string) => {
    const end: ContainerEnd = await container.stop();
    mustHold(`the ${program} drains at SIGTERM`, {
      holds: end.exitCode === 0 && end.log.includes("msg=Stopped"),
      seen: `exit code ${end.exitCode}: ${end.log}`,
    });
    mustHold(`the ${program} has nothing to warn of`, { holds: !end.log.includes("level=warn"), seen: end.log });
  };

  {
    await using server = await startServer();
    await server.healthy({ signal });
    say("passed: the server is healthy with a root that it cannot write, and no capabilities");
    const status = await server.inside(["cat", "/proc/1/status"]) ?? "";
    mustHold("the server is nobody, without capabilities", {
      holds: status.includes(`\nUid:\t${USER_ID}\t${USER_ID}\t`) && /\nCapBnd:\t0+\n/.test(status) &&
        status.includes("\nNoNewPrivs:\t1\n"),
      seen: status,
    });
    mustHold("the server cannot write its root", {
      holds: await server.inside(["touch", "/file"]) === undefined,
      seen: "it can",
    });
    say("passed: the server runs as nobody, without capabilities and a way to new ones");

    await using client = await HardenedContainer.start({
      name: `${PREFIX}-client`,
      image: imageOf("client"),
      mounts: { "/etc/telemeter": dir },
      args: [
        "--require-tls",
        `--from=${prometheus.url.href}`,
        "--id=image-check",
        `--to=https://localhost:${external}`,
        "--to-ca-file=/etc/telemeter/certs/ca.crt",
        "--to-token-file=/etc/telemeter/token",
      ],
    });
    await client.healthy({ signal });
    say(`passed: a series travels from the client's image through the server's: ${await shown()}`);
    await mustStop(client, "client");
    await mustStop(server, "server");
    say("passed: both drain and exit with 0 at SIGTERM, without a warning in their logs");
  }
  await using again = await startServer();
  await again.healthy({ signal });
  await shown();
  say("passed: a new container of the server shows what the volume holds");
}

async function imageCheck(
  { base, debootstrap }: OptionValues<typeof IMAGE_CHECK_OPTIONS>,
  surroundings: Surroundings,
): Promise<number> {
  const { signal, say } = surroundings;
  const engine = await findEngine();
  if (engine === undefined) throw new FailedError("Cannot find a Docker engine: start one, or set DOCKER_HOST");
  if (!engine.hostNetwork) {
    throw new FailedError("Cannot check images with Docker Desktop, whose containers are on another network");
  }
  try {
    const from = debootstrap ? await makeDebianBase({ say }) : base;
    for (const target of TARGETS) {
      await build(target, { base: from, signal });
      const version = await docker(["run", "--rm", "--network=none", imageOf(target), "--version"]);
      say(`passed: ${imageOf(target)} is built and says ${version.trim()}`);
      await checkCache(imageOf(target), { say });
    }
    await check(surroundings);
    return 0;
  } catch (error) {
    if (!(error instanceof FailedError) || signal.aborted) throw error;
    say(messageOf(error));
    return 1;
  }
}

if (import.meta.main) {
  await run(
    IMAGE_CHECK,
    ({ values, signal, log, print }) => imageCheck(values, { signal, log, say: (line) => print(`${line}\n`) }),
    { startsPrograms: true },
  );
}
