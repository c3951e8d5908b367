// The real client, and pages of the web that have a browser on its machine do their bidding.

import assert from "node:assert/strict";
import { startClient } from "../support/programs.ts";
import { RawClient } from "../support/raw_client.ts";
import { visit } from "../support/visits.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const FLAGS = ["--from=http://127.0.0.1:9", "--match=up", "--to=http://127.0.0.1:9", "--id=a", "--to-token=secret"];

/** What a browser sends along with a form of another site. */
const FORM = { "content-type": "application/x-www-form-urlencoded", "content-length": "0" };

Deno.test("client reloads for nobody who comes by a name or a page of the web, and for whoever means it", async () => {
  await using client = await startClient(FLAGS);
  const port = Number(client.url.port), here = `127.0.0.1:${port}`;
  const ask = (headers: Record<string, string>, { method = "POST", path = "/-/reload" } = {}) =>
    visit({ port, method, path, headers });
  const attacks: [name: string, headers: Record<string, string>, words: RegExp][] = [
    [
      "a name that was made to lead here",
      { host: `rebound.example:${port}` },
      /^Cannot act on this request by this Host: /,
    ],
    ["the same, as the page's own", { host: "rebound.example", origin: "http://rebound.example" }, /Host/],
    ["the same, as the browser tells it", { "host": "rebound.example", "sec-fetch-site": "same-origin" }, /Host/],
    ["a name that begins as ours", { host: "localhost.rebound.example" }, /Host/],
    ["a name that begins as our address", { host: "127.0.0.1.rebound.example" }, /Host/],
    ["another address", { host: "192.0.2.1" }, /Host/],
    ["a form of another site", { ...FORM, host: here, origin: "https://site.example" }, /Origin/],
    ["a page without an origin", { ...FORM, host: here, origin: "null" }, /Origin/],
    ["a page of another port", { host: here, origin: "http://127.0.0.1:80" }, /Origin/],
    ["an origin that cannot be read", { host: here, origin: "127.0.0.1" }, /Origin/],
    ["two origins", { host: here, origin: `http://${here}, http://${here}` }, /Origin/],
    ["another site, by the browser's word", { "host": here, "sec-fetch-site": "cross-site" }, /Sec-Fetch-Site/],
    ["another port, by the browser's word", { "host": here, "sec-fetch-site": "same-site" }, /Sec-Fetch-Site/],
  ];
  for (const [name, headers, words] of attacks) {
    const { status, text } = await ask(headers);
    assert.deepEqual([name, status], [name, 403]);
    assert.match(text, words, name);
    assert(!client.child.lines.some((line) => line.includes("Reloaded the configuration")), name);
  }
  for (const head of ["HTTP/1.0\r\n", "HTTP/1.1\r\nHost:\r\n", "HTTP/1.1\r\nHost: a@localhost\r\n"]) {
    using nameless = await RawClient.connect(port);
    await nameless.send(`POST /-/reload ${head}Connection: close\r\nContent-Length: 0\r\n\r\n`);
    assert.match(await nameless.untilClosed(), /^HTTP\/1\.[01] 40[03] [^]*Host/, head);
  }
  assert(!client.child.lines.some((line) => line.includes("Reloaded the configuration")));
  const asks: Record<string, string>[] = [
    { host: here },
    { host: "localhost" },
    { host: `LOCALHOST:${port}` },
    { host: "localhost." },
    { host: "client.localhost" },
    { host: "127.9.9.9" },
    { host: `[::1]:${port}` },
    { "host": here, "origin": `http://${here}`, "sec-fetch-site": "same-origin" },
    { "host": here, "sec-fetch-site": "none" },
  ];
  for (const headers of asks) {
    assert.deepEqual([headers, (await ask(headers)).text], [headers, "Reloaded\n"]);
  }
  // What only looks may come by any name, as probes and scrapes do.
  for (const path of ["/metrics", "/healthz", "/healthz/ready", "/federate"]) {
    const { status } = await ask({ host: "telemeter-client.monitoring.svc" }, { method: "GET", path });
    assert.deepEqual([path, status], [path, 200]);
  }
});

Deno.test("client takes the address and the name that it listens on for its own, and says that others reach it", async () => {
  await using everywhere = await startClient([...FLAGS, "--listen=0.0.0.0:0"]);
  assert.match(everywhere.child.lines.join("\n"), /level=warning .*msg="Shows its pages to whoever reaches --listen/);
  const port = Number(everywhere.url.port);
  const reload = (host: string) => visit({ port, method: "POST", path: "/-/reload", headers: { host } });
  for (const host of ["192.0.2.1", `[2001:db8::1]:${port}`, "localhost"]) {
    assert.deepEqual([host, (await reload(host)).status], [host, 200]);
  }
  assert.equal((await reload("rebound.example")).status, 403);
  await using local = await startClient([...FLAGS, "--listen=localhost:0"]);
  assert(!local.child.lines.some((line) => line.includes("whoever reaches")));
});
