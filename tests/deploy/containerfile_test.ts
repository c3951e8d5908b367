/** The Containerfile as far as it can be judged without an engine; `deno task image-check` builds and runs it. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runToEnd } from "../../scripts/process/child.ts";
import { CLIENT_OPTIONS } from "../../client/options.ts";
import { SERVER_OPTIONS } from "../../server/options.ts";

const ROOT = new URL("../../", import.meta.url);
const CONTAINERFILE = (await Deno.readTextFile(new URL("deploy/Containerfile", ROOT))).replaceAll("\\\n", "");

/** What an instruction is given, each time that it is there. */
function all(instruction: string): string[] {
  return [...CONTAINERFILE.matchAll(new RegExp(`^${instruction} +(.+)$`, "gm"))].map(([, text]) => text);
}

Deno.test("the Containerfile builds on the Deno that the continuous integration uses", async () => {
  const script = await Deno.readTextFile(new URL(".ci/run", ROOT));
  const version = /^deno_version=(.*)$/m.exec(script)![1];
  assert.deepEqual(all("ARG"), [`BASE=docker.io/denoland/deno:debian-${version}`]);
  assert.deepEqual(all("FROM").slice(0, 2), ["${BASE} AS build", "${BASE} AS program"]);
});

Deno.test("the Containerfile runs programs as nobody, by a number that Kubernetes can judge, and ends them by SIGTERM", () => {
  assert.deepEqual(all("USER"), ["65532:65532"]);
  assert.deepEqual(all("STOPSIGNAL"), ["SIGTERM"]);
  assert.deepEqual(all("ENTRYPOINT"), ['["/usr/local/bin/telemeter-client"]', '["/usr/local/bin/telemeter-server"]']);
});

Deno.test("the Containerfile fills Deno's cache where the programs look for it, of programs that lie where they will run", () => {
  const [folder] = all("ENV").flatMap((text) => /\bDENO_DIR=(\/var\S+)/.exec(text)?.[1] ?? []);
  const filling = all("RUN").find((text) => text.startsWith("deno task bundle "))!;
  const to = /--to=(\S+)/.exec(filling)![1];
  assert.ok(filling.split(" ").includes(`--cache=${folder}`), filling);
  const copied = all("COPY").filter((text) => text.startsWith("--from=build /")).map((text) =>
    text.split(" ").slice(1)
  );
  assert.ok(copied.some(([from, at]) => from === folder && at === folder));
  for (const [entry] of all("ENTRYPOINT").map((text): string[] => JSON.parse(text))) {
    assert.equal(entry.slice(0, entry.lastIndexOf("/")), to);
    assert.ok(copied.some(([from, at]) => from === entry && at === `${to}/`), entry);
    assert.ok(copied.some(([from, at]) => from === `${entry}.d` && at === `${entry}.d`), entry);
  }
});

Deno.test("the Containerfile checks health where the programs listen by default", () => {
  const ports = [CLIENT_OPTIONS.listen.default, SERVER_OPTIONS.listenInternal.default];
  for (const [i, check] of all("HEALTHCHECK").entries()) {
    const command: string[] = JSON.parse(/CMD (.*)$/.exec(check)![1]);
    assert.ok(command.includes(`--allow-net=${ports[i]}`), check);
    assert.equal(command.at(-1), `http://${ports[i]}/healthz`);
    assert.deepEqual(command.filter((word) => word.startsWith("--allow")).length, 1);
  }
});

Deno.test(".dockerignore lets in what the Containerfile copies, and nothing else", async () => {
  const lines = (await Deno.readTextFile(new URL(".dockerignore", ROOT))).split("\n").filter((line) =>
    !/^(#|$)/.test(line)
  );
  assert.equal(lines[0], "*");
  const copied = all("COPY").filter((text) => !text.startsWith("--")).flatMap((text) => text.split(" ").slice(0, -1));
  const letIn = lines.slice(1).map((line) => line.slice(1));
  assert.deepEqual(letIn.sort(), copied.map((path) => path.replace(/\/[\w.]+\.ts$/, "")).sort());
});

Deno.test("healthcheck.ts ends with 0 if the program says that it is well, else with 1 and why", async () => {
  const path = fileURLToPath(new URL("deploy/container/healthcheck.ts", ROOT));
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ url }) => new Response("", { status: url.endsWith("/healthz") ? 200 : 503 }),
  );
  const origin = `http://127.0.0.1:${server.addr.port}`;
  const check = (url: string) =>
    runToEnd(Deno.execPath(), ["run", "--no-prompt", `--allow-net=127.0.0.1:${server.addr.port}`, path, url]);
  assert.deepEqual(await check(`${origin}/healthz`), { success: true, stdout: "", output: "" });
  const sick = await check(`${origin}/sick`);
  assert.equal(sick?.success, false);
  assert.equal(sick?.output, `${origin}/sick: It answers with 503\n`);
});
