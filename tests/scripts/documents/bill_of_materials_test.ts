import assert from "node:assert/strict";
import { billOfMaterials, type Lock } from "../../../scripts/documents/bill_of_materials.ts";

const integrity = `sha512-${new Uint8Array(64).fill(1).toBase64()}`;
const LOCK: Lock = {
  specifiers: { "npm:@a/x@^1": "1.2.0_y@2.0.0", "npm:z@3": "3.0.0" },
  npm: {
    "@a/x@1.2.0_y@2.0.0": { integrity, dependencies: ["y@2.0.0", "only"] },
    "y@2.0.0": { integrity },
    "y@1.0.0": { integrity },
    "only@5.0.0": { integrity, optionalDependencies: ["y@2.0.0"] },
    "z@3.0.0": { integrity, dependencies: ["y@1.0.0"] },
  },
};
const PRODUCT = { name: "p", version: "0.1.0", license: "Apache-2.0", imports: new Set(["@a/x"]), deno: "2.9.6" };

Deno.test("billOfMaterials() follows what the product imports through the lock", () => {
  const { components, dependencies } = billOfMaterials(LOCK, PRODUCT);
  assert.deepEqual(components.map(({ purl, scope }) => [purl, scope]), [
    ["pkg:github/denoland/deno@v2.9.6", "required"],
    ["pkg:npm/%40a/x@1.2.0", "required"],
    ["pkg:npm/only@5.0.0", "required"],
    ["pkg:npm/y@1.0.0", "excluded"],
    ["pkg:npm/y@2.0.0", "required"],
    ["pkg:npm/z@3.0.0", "excluded"],
  ]);
  assert.deepEqual(components[1], {
    type: "library",
    "bom-ref": "pkg:npm/%40a/x@1.2.0",
    group: "@a",
    name: "x",
    version: "1.2.0",
    scope: "required",
    hashes: [{ alg: "SHA-512", content: "01".repeat(64) }],
    purl: "pkg:npm/%40a/x@1.2.0",
  });
  assert.deepEqual(dependencies.slice(0, 2), [
    { ref: "pkg:generic/p@0.1.0", dependsOn: ["pkg:github/denoland/deno@v2.9.6", "pkg:npm/%40a/x@1.2.0"] },
    { ref: "pkg:npm/%40a/x@1.2.0", dependsOn: ["pkg:npm/only@5.0.0", "pkg:npm/y@2.0.0"] },
  ]);
});

Deno.test("billOfMaterials() refuses an import that is not locked, and a lock that does not say which version is meant", () => {
  assert.throws(() => billOfMaterials(LOCK, { ...PRODUCT, imports: new Set(["q"]) }), /Cannot find q/);
  const npm = { ...LOCK.npm, "z@3.0.0": { integrity, dependencies: ["y"] } };
  assert.throws(() => billOfMaterials({ ...LOCK, npm }, PRODUCT), /which package of the lock is y: there are 2/);
});
