import assert from "node:assert/strict";
import { decodeFamilies } from "../../../../common/exposition/protobuf.ts";
import { exposedFamilies, KINDS, startExposer } from "../../../../scripts/integration/same_answers/exposer.ts";
import { PAGES, REFERENCE_NAME, STEP_NAME } from "../../../../scripts/integration/same_answers/kind.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const LIMITS = { maxFamilies: 1_000, maxSeries: 1_000, maxLabels: 64 };

Deno.test("startExposer() shows the same until it is told to go on, and its own series alone after the end", async () => {
  await using exposer = startExposer({ hostname: "127.0.0.1" });
  const page = async (name: string) => {
    const response = await fetch(`http://127.0.0.1:${exposer.port}/${name}`);
    return decodeFamilies(await response.bytes(), LIMITS);
  };
  const first = await page("plain");
  assert.deepEqual(await page("plain"), first);
  assert.equal(first.find(({ name }) => name === STEP_NAME)?.metrics[0].value, 1);
  exposer.advance();
  const second = await page("plain");
  assert.deepEqual(second.map(({ name }) => name), first.map(({ name }) => name));
  assert.equal(second.find(({ name }) => name === STEP_NAME)?.metrics[0].value, 2);
  exposer.end();
  assert.deepEqual((await page("plain")).map(({ name }) => name), [REFERENCE_NAME, STEP_NAME]);
  for (const name of ["both", "custom"]) {
    assert.deepEqual((await page(name)).map(({ name }) => name), [REFERENCE_NAME, STEP_NAME]);
  }
});

Deno.test("startExposer() has no other pages", async () => {
  await using exposer = startExposer({ hostname: "127.0.0.1" });
  const response = await fetch(`http://127.0.0.1:${exposer.port}/metrics`);
  await response.body?.cancel();
  assert.equal(response.status, 404);
});

Deno.test("exposedFamilies() gives each name once, so that no kind disturbs another", () => {
  const names = (Object.keys(PAGES) as (keyof typeof PAGES)[]).flatMap((page) =>
    exposedFamilies(page, { step: 1, ended: false }).map(({ name }) => name)
  ).filter((name) => name !== REFERENCE_NAME && name !== STEP_NAME);
  assert.equal(new Set(names).size, names.length);
});

Deno.test("exposedFamilies() exposes one histogram with float counts, as Prometheus 3.5 mixes up several", () => {
  const isFloat = ({ metrics }: ReturnType<typeof exposedFamilies>[number]) =>
    metrics.filter(({ value }) => typeof value === "object" && "isFloat" in value && value.isFloat);
  assert.equal(KINDS.flatMap((kind) => kind.families(1).flatMap(isFloat)).length, 1);
});
