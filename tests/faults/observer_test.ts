import assert from "node:assert/strict";
import { Observer } from "./observer.ts";
import { PROBE } from "./pusher.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A server that shows these clusters, or 503 without any. */
function pageSource(name: string, shown: { page?: Record<string, number> }) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    if (shown.page === undefined) return new Response("not now", { status: 503 });
    const lines = Object.entries(shown.page).map(([id, number]) => `${PROBE}{_id="${id}",instance=""} ${number}\n`);
    return new Response(`# TYPE ${PROBE} untyped\n${lines.join("")}`);
  });
  const internal = new URL(`http://127.0.0.1:${server.addr.port}/`);
  return { name, internal, shown, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("Observer takes a ring for whole only if each cluster is on one page, with what was acknowledged", async () => {
  await using a = pageSource("a", { page: { x: 3 } });
  await using b = pageSource("b", {});
  const acknowledged = new Map([["x", 3], ["y", 5]]);
  await using observer = new Observer([a, b], acknowledged);
  const finds = (once: number, twice: number, behind: string) =>
    observer.until(`${once}, ${twice}, '${behind}'`, (findings) => {
      return findings.once === once && findings.twice === twice && findings.behind.join() === behind;
    }, { timeoutMs: 20_000 });
  await finds(1, 0, "y");
  await assert.rejects(
    observer.untilWhole({ timeoutMs: 300 }),
    /^Error: Waited 0.3 s in vain for each cluster to be on/,
  );
  b.shown.page = { y: 4 };
  await finds(2, 0, "y");
  b.shown.page = { x: 3, y: 5 };
  await finds(1, 1, "");
  await finds(1, 1, "");
  b.shown.page = { y: 6 };
  await observer.untilWhole({ timeoutMs: 20_000 });
  assert.ok(observer.account.totals.twiceSeconds > 0);
  assert.ok(observer.account.totals.missingSeconds > 0);
});
