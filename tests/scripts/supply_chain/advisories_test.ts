/** What becomes of the answers of a registry: a made-up one on this machine, and the real `deno audit`. */

import assert from "node:assert/strict";
import { AUDIT_ARGUMENTS, readAdvisories } from "../../../scripts/supply_chain/advisories.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const ROOT = new URL("../../../", import.meta.url);
const ADVISORY = {
  id: 1,
  url: "https://advisories.example/1",
  title: "Frames that never end",
  severity: "high",
  vulnerable_versions: "<99.0.0",
  cwe: [],
  cvss: { score: 7.5, vectorString: null },
};

/** Asks a registry, whose answer is the only thing that it gives. */
async function ask(registry: string) {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...AUDIT_ARGUMENTS],
    cwd: ROOT,
    env: { NPM_CONFIG_REGISTRY: registry },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return readAdvisories({ success, output: out + err });
}

async function answered(answer: () => Response) {
  const asked: { path: string; names: string[] }[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    asked.push({ path: new URL(request.url).pathname, names: Object.keys(await request.json()) });
    return answer();
  });
  return { ...await ask(`http://127.0.0.1:${server.addr.port}/`), asked };
}

Deno.test("readAdvisories() tells that a registry knows of nothing, and every package was asked for", async () => {
  const { verdict, asked } = await answered(() => Response.json({}));
  assert.equal(verdict, "none");
  assert.deepEqual(asked.map(({ path }) => path), ["/-/npm/v1/security/advisories/bulk"]);
  const lock = JSON.parse(await Deno.readTextFile(new URL("deno.lock", ROOT)));
  const names = new Set(Object.keys(lock.npm).map((key) => /^(.[^@]*)@/.exec(key)![1]));
  assert.deepEqual(asked[0].names.sort(), [...names].sort());
});

Deno.test("readAdvisories() shows what a registry knows of", async () => {
  const { verdict, words } = await answered(() => Response.json({ ws: [ADVISORY] }));
  assert.equal(verdict, "found");
  assert.match(words, /Frames that never end[^]*high[^]*ws[^]*<99\.0\.0[^]*https:\/\/advisories\.example\/1/);
});

for (
  const [what, status] of [["does not know the question", 404], ["takes no questions", 405], ["fails", 500]] as const
) {
  Deno.test(`readAdvisories() says that nothing was checked where a registry ${what}`, async () => {
    assert.equal((await answered(() => new Response("no", { status }))).verdict, "unchecked");
  });
}

Deno.test("readAdvisories() says that nothing was checked where no registry answers", async () => {
  const { verdict, words } = await ask("http://127.0.0.1:1/");
  assert.equal(verdict, "unchecked");
  assert.match(words, /127\.0\.0\.1/);
});

Deno.test("readAdvisories() takes nothing for a good end that it does not know", () => {
  for (
    const [success, output] of [[true, ""], [true, "Found 1 vulnerabilities"], [
      false,
      "No known vulnerabilities found",
    ]] as const
  ) {
    assert.equal(readAdvisories({ success, output }).verdict, "unchecked", output);
  }
});
