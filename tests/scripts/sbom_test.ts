import assert from "node:assert/strict";
import { readBill } from "../../scripts/sbom.ts";
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
  assert.deepEqual(components.find(({ name }) => name === "jose")?.licenses, [{ expression: "MIT" }]);
  for (const { dependsOn } of dependencies) assert.deepEqual(dependsOn.filter((ref) => !refs.has(ref)), []);
});
