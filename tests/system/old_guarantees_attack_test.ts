/** What has always held at the listener of the real server, whatever else changes: old TLS, requests in requests, and NUL bytes. */

import assert from "node:assert/strict";
import { makeCertificate } from "../support/certificates.ts";
import { parseExposition, seriesKey } from "../support/exposition_parser.ts";
import { OpenServer } from "../support/open_server.ts";
import { tempFolder } from "../support/programs.ts";
import { RawClient } from "../support/raw_client.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A ClientHello of TLS 1.1 or older with two ciphers that every server of that time knew, and no extensions (RFC 4346). */
function clientHello(minor: number): Uint8Array {
  const hello = [3, minor, ...Array(32).fill(7), 0, 0, 4, 0xc0, 0x13, 0x00, 0x2f, 1, 0];
  const handshake = [1, 0, 0, hello.length, ...hello];
  return Uint8Array.from([0x16, 3, 1, 0, handshake.length, ...handshake]);
}

Deno.test("a server speaks no TLS 1.1, and none that is older", async () => {
  await using folder = await tempFolder();
  const { cert, key } = await makeCertificate("server");
  const flags = ["--tls-crt", await folder.write("tls.crt", cert), "--tls-key", await folder.write("tls.key", key)];
  await using server = await OpenServer.start(...flags);
  for (const minor of [2, 1, 0]) {
    using client = await RawClient.connect(server.port);
    await client.send(clientHello(minor));
    const [type, major, , , length, level, alert] = Array.from(await client.untilClosed(), (c) => c.charCodeAt(0));
    // A fatal alert: of the version, or of the handshake.
    assert.deepEqual([type, major, length, level], [0x15, 3, 2, 2], `3.${minor}`);
    assert.ok(alert === 70 || alert === 40, `alert ${alert}`);
  }
});

Deno.test("a server reads no request in another one, and none whose head has a NUL", async () => {
  await using server = await OpenServer.start();
  const inner = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
  const post = (...fields: string[]) => ["POST /upload HTTP/1.1", "Host: a", ...fields, "", ""].join("\r\n");
  for (
    const bytes of [
      post("Content-Length: 0", "Transfer-Encoding: chunked") + "0\r\n\r\n" + inner,
      post("Content-Length: 0", `Content-Length: ${inner.length}`) + inner,
      post("Content-Length: 0, 0") + inner,
      post("Content-Length: +0") + inner,
      post("Transfer-Encoding: chunked", "Transfer-Encoding: identity") + "0\r\n\r\n" + inner,
      post("Transfer-Encoding:") + inner,
      post("Transfer-Encoding : chunked") + "0\r\n\r\n" + inner,
      post("Transfer-Encoding: \x0bchunked") + "0\r\n\r\n" + inner,
      post("Transfer-Encoding: chunked") + "0x0\r\n\r\n" + inner,
      post("Transfer-Encoding: chunked") + "5\r\nhello0\r\n\r\n" + inner,
      post("X: a\n\nGET /healthz HTTP/1.1", "Host: a"),
      post("X: a\0b") + inner,
      post("X\0: a") + inner,
      "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n" + inner,
    ]
  ) {
    using client = await RawClient.connect(server.port);
    await client.send(bytes);
    const answer = await client.untilClosed();
    assert.doesNotMatch(answer, /^HTTP\/1\.1 (200|500)/m, JSON.stringify(bytes));
  }
});

Deno.test("a server takes NUL in an id and in a label for what it is, and nothing else ends there", async () => {
  await using server = await OpenServer.start();
  const id = "a\0b", now = Date.now(), headers = { "content-type": "text/plain; version=0.0.4" };
  const push = async (id: string, line: string) => {
    const { status, text } = await server.push(id, new TextEncoder().encode(line), headers);
    assert.equal(status, 200, text);
  };
  await push("a", `x{_id="a"} 1 ${now}\n`);
  await push(id, `x{_id="${id}",l="\0"} 2 ${now}\n`);
  const samples = parseExposition(await server.pageBytes()).get("x")!.samples;
  const others: [string, string][] = [["instance", ""], ["job", ""]];
  assert.equal(samples.get(seriesKey("x", [["_id", "a"], ...others]))?.value, 1);
  assert.equal(samples.get(seriesKey("x", [["_id", id], ...others, ["l", "\0"]]))?.value, 2);
});
