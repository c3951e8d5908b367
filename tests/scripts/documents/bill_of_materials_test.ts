import assert from "node:assert/strict";
import { type BilledPackage, billOfMaterials } from "../../../scripts/documents/bill_of_materials.ts";

const integrity = `sha512-${new Uint8Array(64).fill(1).toBase64()}`;

function billed(key: string, rest: Partial<BilledPackage>): BilledPackage {
  const [, name, version] = /^(@?[^@]+)@([^_]+)/.exec(key)!;
  return { key, name, version, licence: "MIT", integrity, programs: [], through: [], needs: [], ...rest };
}

const PACKAGES = [
  billed("@a/x@1.2.0_y@2.0.0", { programs: ["server"], needs: ["y@2.0.0", "only@5.0.0"], licence: "(MIT OR ISC)" }),
  billed("@a/x@1.2.0_y@1.0.0", { needs: ["y@1.0.0"] }),
  billed("y@2.0.0", { programs: ["server"], through: ["@a/x"] }),
  billed("y@1.0.0", { licence: "none named" }),
  billed("only@5.0.0", { programs: ["server"], through: ["@a/x"], needs: ["y@2.0.0"], integrity: undefined }),
];
const PRODUCT = { name: "p", version: "0.1.0", license: "Apache-2.0", deno: "2.9.6" };

Deno.test("billOfMaterials() tells what programs load, and what needs what", () => {
  const { components, dependencies } = billOfMaterials(PACKAGES, PRODUCT);
  assert.deepEqual(components.map(({ purl, scope }) => [purl, scope]), [
    ["pkg:github/denoland/deno@v2.9.6", "required"],
    ["pkg:npm/%40a/x@1.2.0", "required"],
    ["pkg:npm/only@5.0.0", "required"],
    ["pkg:npm/y@1.0.0", "excluded"],
    ["pkg:npm/y@2.0.0", "required"],
  ]);
  assert.deepEqual(dependencies, [
    { ref: "pkg:generic/p@0.1.0", dependsOn: ["pkg:github/denoland/deno@v2.9.6", "pkg:npm/%40a/x@1.2.0"] },
    { ref: "pkg:npm/%40a/x@1.2.0", dependsOn: ["pkg:npm/only@5.0.0", "pkg:npm/y@1.0.0", "pkg:npm/y@2.0.0"] },
    { ref: "pkg:npm/only@5.0.0", dependsOn: ["pkg:npm/y@2.0.0"] },
    { ref: "pkg:npm/y@1.0.0", dependsOn: [] },
    { ref: "pkg:npm/y@2.0.0", dependsOn: [] },
  ]);
});

Deno.test("billOfMaterials() has a package once, with its licence and hash where it has one", () => {
  const { components: [, x, only, unlicensed] } = billOfMaterials(PACKAGES, PRODUCT);
  assert.deepEqual(x, {
    type: "library",
    "bom-ref": "pkg:npm/%40a/x@1.2.0",
    group: "@a",
    name: "x",
    version: "1.2.0",
    scope: "required",
    licenses: [{ expression: "(MIT OR ISC)" }],
    hashes: [{ alg: "SHA-512", content: "01".repeat(64) }],
    purl: "pkg:npm/%40a/x@1.2.0",
  });
  assert.equal(only.hashes, undefined);
  assert.equal(unlicensed.licenses, undefined);
});
