/** A source whose page is odd, a real client of it and a real server: what the server would leave out is not sent. */

import assert from "node:assert/strict";
import { eventually } from "../../scripts/process/eventually.ts";
import { plainLines } from "../support/plain_lines.ts";
import { startClient, startServer, tempFolder } from "../support/programs.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const MINUTE_MS = 60_000;
const UTF8 = { accept: "text/plain; version=1.0.0; escaping=allow-utf-8" };

/** A client of a source that answers with a page of text, and the server it pushes to. */
async function startPair(page: () => string) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const source = stack.use(new SourcePrometheus());
  source.fault = () => new Response(page(), { headers: { "content-type": "text/plain; version=0.0.4" } });
  const server = stack.use(await startServer(["--ratelimit=0"], { storageDir: `${folder.path}/data` }));
  const token = await folder.write("token", "any");
  const to = [`--to=${server.external}`, `--to-token-file=${token}`, "--id=me"];
  const client = stack.use(await startClient([`--from=${source.url}`, ...to]));
  const read = async (url: URL, path: string, headers: HeadersInit = {}) =>
    await (await fetch(new URL(path, url), { headers })).text();
  const counts = async (url: URL, metric: string) =>
    new Map(
      [...(await read(url, "metrics")).matchAll(new RegExp(`^${metric}\\{reason="(\\w+)"\\} ([1-9]\\d*)$`, "gm"))]
        .map(([, reason, count]) => [reason, Number(count)]),
    );
  const owned = stack.move();
  return {
    /** What the server shows, once it shows something. */
    shown: () =>
      eventually("the push to arrive", async () => await read(server.internal, "federate", UTF8) || undefined, {
        timeoutMs: 20_000,
      }),
    client,
    droppedByClient: () => counts(client.url, "telemeter_client_samples_dropped_total"),
    droppedByServer: () => counts(server.internal, "telemeter_samples_dropped_total"),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

Deno.test("the client leaves out what the server would, in the same words, and sends the rest of an odd page", async () => {
  const labels = Array.from({ length: 64 }, (_, i) => `l${i}="v"`).join();
  await using pair = await startPair(() => {
    const now = Date.now();
    return [
      `up 1 ${now}`,
      `ahead 1 ${now + 11 * MINUTE_MS}`,
      `old 1 ${now - 25 * 60 * MINUTE_MS}`,
      `wide{${labels}} 1 ${now}`,
      `api.rq 1 ${now}`,
      `{"api.rq","pod-template-hash"="a"} 1 ${now}`,
      "# TYPE h histogram",
      ...['h_bucket{le="+Inf"} 10', "h_count 9", "h_sum 1"].map((line) => `${line} ${now}`),
      "# TYPE s summary",
      ...['s{quantile="99"} 1', "s_count 1", "s_sum 1"].map((line) => `${line} ${now}`),
      "",
    ].join("\n");
  });
  assert.deepEqual(plainLines(await pair.shown()), ["up 1", '{"api.rq","pod-template-hash"="a"} 1'].sort());
  const rules = ["family_name", "histogram", "labels", "summary", "too_new", "too_old"];
  assert.deepEqual([...await pair.droppedByClient()].sort(), rules.map((rule) => [rule, 1]));
  assert.deepEqual([...await pair.droppedByServer()], []);
  const told = pair.client.child.lines.filter((line) => line.includes("Some samples do not arrive"));
  assert.equal(told.length, rules.length, told.join("\n"));
  assert.ok(told.some((line) => line.includes("ahead{") && line.includes("more than 10m ahead of the clock")));
});

Deno.test("the client counts and tells what the server will not show as its source's clock is 15 minutes slow", async () => {
  await using pair = await startPair(() => `up 1 ${Date.now()}\nslow 1 ${Date.now() - 15 * MINUTE_MS}\n`);
  assert.deepEqual(plainLines(await pair.shown()), ["up 1"]);
  assert.deepEqual([...await pair.droppedByClient()], [["older_than_ttl", 1]]);
  assert.deepEqual([...await pair.droppedByServer()], [["older_than_ttl", 1]]);
  const told = pair.client.child.lines.filter((line) =>
    line.includes("The server will not show 1 sample that is older")
  );
  assert.equal(told.length, 1);
  assert.match(told[0], /older than its --ttl \(10m\): set the clock of the source/);
});
