import assert from "node:assert/strict";
import configuration from "../../deno.json" with { type: "json" };
import { packagesIn, readBill } from "../../scripts/sbom.ts";
import { faultsBySchema } from "../support/schemas.ts";

Deno.test("readBill() is a bill of materials as CycloneDX wants it", async () => {
  const bill = await readBill();
  assert.deepEqual(await faultsBySchema({ cyclonedx: bill }), []);
  const [fault] = await faultsBySchema({ cyclonedx: { ...bill, dependancies: [] } });
  assert.match(fault, /dependancies/);
});

Deno.test("readBill() tells what the programs run from what only tests and tools need", async () => {
  const { components, dependencies } = await readBill();
  const scopes = new Map(components.map(({ purl, scope }) => [purl.replace(/@[^@]*$/, ""), scope]));
  for (const name of ["jose", "ws", "hono", "prom-client", "tdigest"]) {
    assert.equal(scopes.get(`pkg:npm/${name}`), "required", name);
  }
  for (const name of ["fast-check", "snappyjs", "assemblyscript", "%40sinonjs/fake-timers"]) {
    assert.equal(scopes.get(`pkg:npm/${name}`), "excluded", name);
  }
  const refs = new Set(components.map(({ purl }) => purl));
  for (const { dependsOn } of dependencies) assert.deepEqual(dependsOn.filter((ref) => !refs.has(ref)), []);
});

Deno.test("packagesIn() finds packages by the names of the import map, on one line and on several", () => {
  const sources = [
    'import { a } from "jose";\nimport defer * as commander from "commander";\nimport "node:fs";',
    'import {\n  a,\n} from "@hono/hono/router/reg-exp-router";\nimport { b } from "node:net";',
    'const { c } = await import("ws");\n// import "snappyjs" would be wrong\n',
  ];
  assert.deepEqual([...packagesIn(sources, configuration.imports)].sort(), ["commander", "hono", "jose", "ws"]);
});
