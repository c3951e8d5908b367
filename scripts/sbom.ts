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
import { type BillOfMaterials, billOfMaterials } from "./documents/bill_of_materials.ts";
import { readDependencies } from "./supply_chain/read_dependencies.ts";

/** The program as `--help` shows it. */
export const SBOM: Program<Record<never, never>> = {
  name: "sbom",
  summary: "Writes the bill of materials of Telemeter, in CycloneDX's JSON, into bin/.",
  options: {},
};

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FILE = "bin/telemeter.cdx.json";

/** The bill of this clone. */
export async function readBill({ signal }: { signal?: AbortSignal } = {}): Promise<BillOfMaterials> {
  const { version, license } = configuration;
  const product = { name: "telemeter", version, license, deno: Deno.version.deno };
  return billOfMaterials(await readDependencies({ signal }), product);
}

if (import.meta.main) {
  await run(SBOM, async ({ signal, print }) => {
    await Deno.mkdir(join(ROOT, "bin"), { recursive: true });
    await Deno.writeTextFile(join(ROOT, FILE), JSON.stringify(await readBill({ signal }), null, 2) + "\n");
    print(`${FILE}\n`);
  }, { startsPrograms: true });
}
