import assert from "node:assert/strict";
import configuration from "../../../deno.json" with { type: "json" };
import {
  dependencies,
  dependencyTable,
  type ModuleGraph,
  permissionTable,
  PROGRAMS,
} from "../../../scripts/supply_chain/dependencies.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Packages of version 1.0.0 by name, with the names of those that each needs. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  web: ["parser"],
  parser: ["tables"],
  tables: ["parser"],
  keys: ["tables"],
  tester: ["tables"],
};

/** A program that imports some of them, each twice. */
function graph(imported: readonly string[]): ModuleGraph {
  return {
    modules: [{}, ...[...imported, ...imported].map((name) => ({ npmPackage: `${name}@1.0.0` }))],
    npmPackages: Object.fromEntries(
      Object.entries(PACKAGES).map(([name, needs]) => [`${name}@1.0.0`, {
        name,
        version: "1.0.0",
        dependencies: needs.map((below) => `${below}@1.0.0`),
        localPath: `/cache/${name}`,
      }]),
    ),
  };
}

const LOCK = {
  npm: Object.fromEntries(
    Object.keys(PACKAGES).map((
      name,
    ) => [`${name}@1.0.0`, name === "keys" ? {} : { integrity: `sha512-${name}-0123456789abcdef` }]),
  ),
};

Deno.test("dependencies() tells who loads a package, and through which others", () => {
  const all = dependencies({ server: graph(["web", "keys"]), client: graph(["parser"]) }, LOCK);
  const rows = all.map(({ name, programs, through }) => `${name}: ${programs.join("+")} through ${through.join("+")}`);
  assert.deepEqual(rows, [
    "web: server through ",
    // The client imports it, the server gets it through others.
    "parser: server+client through tables+web",
    "tables: server+client through keys+parser",
    "keys: server through ",
    "tester:  through ",
  ]);
});

Deno.test("dependencyTable() shows every package with its licence, and which has no hash in the lock", () => {
  const all = dependencies({ server: graph(["web", "keys"]), client: graph([]) }, LOCK);
  const table = dependencyTable(all, ({ localPath }) => localPath === "/cache/web" ? "MIT" : "none named");
  const rows = table.split("\n").map((line) => line.split("|").map((text) => text.trim()).slice(1, -1));
  assert.deepEqual(rows[2], ["web", "1.0.0", "server", "imported", "MIT", "sha512-web-01234567…"]);
  assert.deepEqual(rows.at(-2), ["keys", "1.0.0", "server", "imported", "none named", "NONE"]);
  assert.deepEqual(rows.at(-1)?.slice(2, 4), ["tests and tools", ""]);
});

Deno.test("permissionTable() has what the tasks give, and the programs keep what docs/operations.md says", async () => {
  const [server, client] = permissionTable(configuration.tasks).split("\n").slice(2);
  assert.match(server, /`server` .*`--allow-net` `--allow-read` `--allow-write`/);
  assert.match(client, /`client` .*`--allow-net` `--allow-read` .*`--allow-env=/);

  const page = await Deno.readTextFile(new URL("../../../docs/operations.md", import.meta.url));
  const words = {
    net: /\bnetwork\b/,
    read: /\bread(s|ing)\b/,
    write: /\bwriting\b/,
    env: /\benvironment\b/,
    run: /\bprograms\b/,
  };
  for (const [program, { keeps }] of Object.entries(PROGRAMS)) {
    const told = [...page.matchAll(new RegExp(`^\\| \`${program}\` +\\|(.*)$`, "gm"))].map(([, row]) => row).join();
    const kept = Object.entries(words).filter(([, word]) => word.test(told)).map(([name]) => name);
    assert.deepEqual(kept, keeps, program);
  }
});
