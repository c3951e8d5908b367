/** No program, and no executable, is made of code that the lock does not name: copies of the project, with a registry of our own. */

import assert from "node:assert/strict";
import configuration from "../../deno.json" with { type: "json" };
import { compileArguments } from "../../scripts/compile.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const ROOT = new URL("../../", import.meta.url);
const ROOMS = ["client", "common", "ring", "scripts", "server"];

async function copyFolder(from: URL, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(new URL(`${name}/`, from), `${to}/${name}`);
    else await Deno.copyFile(new URL(name, from), `${to}/${name}`);
  }
}

/** The project with a package more, of which the lock does not know; its rules for the lock as they are, or none. */
async function projectWithMore({ registry, rules }: { registry: string; rules: "as they are" | "none" }) {
  const path = await Deno.makeTempDir();
  for (const room of ROOMS) await copyFolder(new URL(`${room}/`, ROOT), `${path}/${room}`);
  for (const main of ["client/main.ts", "server/main.ts"]) {
    const text = await Deno.readTextFile(`${path}/${main}`);
    await Deno.writeTextFile(`${path}/${main}`, `import "@made-up/more";\n${text}`);
  }
  const { lock, ...rest } = configuration;
  const imports = { ...configuration.imports, "@made-up/more": "npm:@made-up/more@^1" };
  await Deno.writeTextFile(
    `${path}/deno.json`,
    JSON.stringify({ ...rest, imports, ...rules === "none" ? {} : { lock } }),
  );
  await Deno.writeTextFile(`${path}/.npmrc`, `@made-up:registry=${registry}\n`);
  await Deno.copyFile(new URL("deno.lock", ROOT), `${path}/deno.lock`);
  const before = await Deno.readTextFile(`${path}/deno.lock`);
  return {
    path,
    isLockAsBefore: async () => await Deno.readTextFile(`${path}/deno.lock`) === before,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/** A registry that has this package and no other. */
function registryOfMore() {
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, ({ url }) => {
    const { origin, pathname } = new URL(url);
    const path = decodeURIComponent(pathname);
    asked.push(path);
    if (path !== "/@made-up/more") return new Response("no such package", { status: 404 });
    const dist = { tarball: `${origin}/code.tgz`, integrity: "sha512-AAAA" };
    const version = { name: "@made-up/more", version: "1.0.0", dist };
    return Response.json({ name: "@made-up/more", "dist-tags": { latest: "1.0.0" }, versions: { "1.0.0": version } });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    fetchesCode: () => asked.includes("/code.tgz"),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Runs Deno in a copy, and says how that ended. */
async function runIn({ path }: { path: string }, args: readonly string[]) {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: path,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  return { success, words: new TextDecoder().decode(stderr) };
}

const RUNS: readonly (readonly [what: string, args: readonly string[]])[] = [
  ["the server", taskCommand("server", ["--help"]).args],
  ["the client", taskCommand("client", ["--help"]).args],
  ["the demo", taskCommand("demo", ["--help"]).args],
  ["the compiler's task", taskCommand("compile", []).args],
  ["an executable of the server", compileArguments("server", { exclude: [] })],
  ["an executable of the client", compileArguments("client", { exclude: [] })],
];

for (const [what, args] of RUNS) {
  Deno.test(`A lock that lacks a package stops ${what} with a sentence, and no code is fetched`, async () => {
    await using registry = registryOfMore();
    await using project = await projectWithMore({ registry: registry.url, rules: "as they are" });
    const { success, words } = await runIn(project, args);
    assert.equal(success, false);
    assert.match(words, /lockfile is out of date/i);
    assert.equal(registry.fetchesCode(), false, words);
    assert.ok(await project.isLockAsBefore());
  });
}

Deno.test("A lock that is not frozen lets a program fetch what it lacks", async () => {
  await using registry = registryOfMore();
  await using project = await projectWithMore({ registry: registry.url, rules: "none" });
  await runIn(project, RUNS[0][1]);
  assert.ok(registry.fetchesCode());
});
