// The real client, whose status page others than its machine reach, and a crowd that would hold all files that it may open.

import assert from "node:assert/strict";
import { startClient } from "../support/programs.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";
import { TelemeterServer } from "../support/telemeter_server.ts";
import { Crowd, visit } from "../support/visits.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const MAX_FILES = 400, CROWD = 500;

/** A client with few files, its source and its server. */
async function network(listen: string) {
  await using stack = new AsyncDisposableStack();
  const source = stack.use(new SourcePrometheus()), server = stack.use(new TelemeterServer());
  source.up({ name: "up", type: "gauge", metrics: [{ labels: [], value: 1, timestampMs: Date.now() }] });
  const client = stack.use(
    await startClient([
      ...[`--from=${source.url}`, '--match={__name__="up"}', `--to=${server.url}`, "--id=a", "--to-token=initial"],
      ...["--interval=300ms", `--listen=${listen}`],
    ]),
  );
  const files = [`--pid=${client.child.pid}`, `--nofile=${MAX_FILES}:`];
  assert((await new Deno.Command("prlimit", { args: files }).output()).success);
  const rest = stack.move();
  return { server, client, port: Number(client.url.port), [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

const FROM = Array.from({ length: CROWD }, (_, n) => `127.${10 + n % 10}.0.${n % 256}`);

Deno.test("client goes on pushing, and shows its metrics, while a crowd holds its status page", async () => {
  await using n = await network("0.0.0.0:0");
  const { server: { pushes }, port } = n;
  await using crowd = await Crowd.gather(port, FROM, {});
  while (pushes.size > 0) await pushes.take();
  for (let n = 0; n < 5; n++) {
    await pushes.take();
    const { status, text } = await visit({ port, path: "/metrics", from: "127.200.0.1" });
    assert.equal(status, 200);
    if (n < 4) continue;
    assert.match(text, /^telemeter_http_connections_cut_total{listener="status",reason="room_total"} [1-9]/m);
    assert.match(text, /^telemeter_http_connections_refused_total{listener="status",reason="total"} 0$/m);
    assert.match(text, /^telemeter_http_connections{listener="status"} \d+$/m);
    assert.match(text, /^federate_requests_failed_total 0$/m);
  }
  assert(crowd.lost > 0);
});

Deno.test("client outlives a crowd of its own machine that holds all its files, and goes on when they are gone", async () => {
  await using n = await network("127.0.0.1:0");
  const { server: { pushes }, client: { child }, port } = n;
  {
    await using _crowd = await Crowd.gather(port, FROM, {});
    await child.line(/level=error .*msg="Cannot accept connections: will listen again"/);
  }
  await child.line(/msg="Accepts connections again"/);
  while (pushes.size > 0) await pushes.take();
  await pushes.take();
  assert.equal((await visit({ port, path: "/healthz" })).text, "ok\n");
});
