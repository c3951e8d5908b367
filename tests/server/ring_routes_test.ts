/** What an operator may do to a ring, and what is answered. */

import assert from "node:assert/strict";
import { createApp } from "../../common/http/app.ts";
import { type RingOperator, ringRoutes } from "../../server/ring_routes.ts";
import { recordingLog } from "../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

async function post(path: string, differs: Partial<RingOperator> = {}, headers: Record<string, string> = {}) {
  const asked: string[] = [];
  const operator: RingOperator = {
    forceView: (names) => {
      asked.push(`view ${names.join()}`);
      return undefined;
    },
    forget: (name) => {
      asked.push(`forget ${name}`);
      return true;
    },
    ...differs,
  };
  const app = createApp(ringRoutes(operator, { listen: { hostname: "127.0.0.1" } }), { log: recordingLog().log });
  const response = await app.request(`http://localhost${path}`, {
    method: "POST",
    headers: { host: "localhost", ...headers },
  });
  return { asked, status: response.status, text: await response.text() };
}

Deno.test("ringRoutes() force the view of those who are named", async () => {
  const { asked, status } = await post("/-/ring/force-view?name=a&name=b");
  assert.deepEqual([asked, status], [["view a,b"], 200]);
});

Deno.test("ringRoutes() say why a view is not forced", async () => {
  const { status, text } = await post("/-/ring/force-view?name=x", { forceView: () => "Cannot find x" });
  assert.deepEqual([status, text], [409, "Cannot find x\n"]);
});

Deno.test("ringRoutes() forget who is gone, and say so of who is not", async () => {
  assert.deepEqual((await post("/-/ring/forget?name=a")).asked, ["forget a"]);
  assert.equal((await post("/-/ring/forget?name=a", { forget: () => false })).status, 404);
});

Deno.test("ringRoutes() do nothing for a page of the web", async () => {
  const { asked, status } = await post("/-/ring/force-view?name=a", {}, { origin: "http://attacker.example" });
  assert.deepEqual([asked, status], [[], 403]);
});

Deno.test("ringRoutes() do nothing to nobody in particular", async () => {
  for (const path of ["/-/ring/force-view", "/-/ring/forget"]) {
    const { asked, status } = await post(path);
    assert.deepEqual([asked, status], [[], 400]);
  }
});
