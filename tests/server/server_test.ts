import assert from "node:assert/strict";

Deno.test.sanitizer({ ops: true, resources: true });

interface Dependency {
  readonly specifier: string;
  /** Where the code is; a dependency on types alone has none. */
  readonly code?: { readonly specifier: string };
  readonly isDynamic?: boolean;
}

const ROOT = new URL("../../", import.meta.url).href;

/** The files of ours that a program loads at its start, by path. */
async function loadedBy(path: string): Promise<string[]> {
  const program = ROOT + path;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", program] }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: { specifier: string; dependencies?: Dependency[] }[];
  };
  const byUrl = new Map(modules.map(({ specifier, dependencies = [] }) => [specifier, dependencies]));
  const loaded = new Set([program]);
  for (const url of loaded) {
    for (const { code, isDynamic } of byUrl.get(url) ?? []) if (code && !isDynamic) loaded.add(code.specifier);
  }
  return [...loaded].filter((url) => url.startsWith(ROOT)).map((url) => url.slice(ROOT.length));
}

Deno.test("server/main.ts loads nothing of the ring before a flag makes it a member of one", async () => {
  const loaded = await loadedBy("server/main.ts");
  assert.ok(loaded.includes("server/settings.ts") && loaded.includes("server/pushes/refusal.ts"), loaded.join("\n"));
  assert.deepEqual(
    loaded.filter((path) => path.startsWith("ring/") || /(open_ring|store_ring_host|ready_entries)\.ts$/.test(path)),
    [],
  );
});
