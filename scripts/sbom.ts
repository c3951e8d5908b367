/**
 * Writes the bill of materials of Telemeter, in CycloneDX's JSON, into `bin/`.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import configuration from "../deno.json" with { type: "json" };
import { run } from "../common/lifecycle.ts";
import type { Program } from "../common/options.ts";
import { type BillOfMaterials, billOfMaterials, type Lock } from "./documents/bill_of_materials.ts";

/** The program as `--help` shows it. */
export const SBOM: Program<Record<never, never>> = {
  name: "sbom",
  summary: "Writes the bill of materials of Telemeter, in CycloneDX's JSON, into bin/.",
  options: {},
};

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FILE = "bin/telemeter.cdx.json";
/** The rooms of the product. */
const ROOMS = ["client", "common", "ring", "server"];

/** The bill of this clone. */
export async function readBill(): Promise<BillOfMaterials> {
  const sources = (await Promise.all(ROOMS.map((room) => Array.fromAsync(sourcesIn(join(ROOT, room)))))).flat();
  const lock: Lock = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.lock")));
  return billOfMaterials(lock, {
    name: "telemeter",
    version: configuration.version,
    license: configuration.license,
    imports: packagesIn(sources, configuration.imports),
    deno: Deno.version.deno,
  });
}

/** The names of the packages that sources import, by an import map. */
export function packagesIn(sources: readonly string[], imports: Readonly<Record<string, string>>): Set<string> {
  const names = new Set<string>();
  for (const code of sources) {
    // The last line of an import or export, or one that is called.
    for (
      const [, line, call] of code.matchAll(/^(?:import|export|\}) .*?"([^"]+)"(?: with .*)?;$|import\("([^"]+)"\)/gm)
    ) {
      const specifier = line ?? call;
      const key = Object.keys(imports).find((key) => specifier === key || specifier.startsWith(`${key}/`));
      if (key !== undefined) names.add(/^npm:(@?[^@]+)/.exec(imports[key])![1]);
    }
  }
  return names;
}

async function* sourcesIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* sourcesIn(path);
    else if (/\.tsx?$/.test(name)) yield await Deno.readTextFile(path);
  }
}

if (import.meta.main) {
  await run(SBOM, async ({ print }) => {
    await Deno.mkdir(join(ROOT, "bin"), { recursive: true });
    await Deno.writeTextFile(join(ROOT, FILE), JSON.stringify(await readBill(), null, 2) + "\n");
    print(`${FILE}\n`);
  });
}
