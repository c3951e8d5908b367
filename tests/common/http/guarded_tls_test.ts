/** A guarded listener with TLS. */

import assert from "node:assert/strict";
import type { Handler } from "../../../common/http/http.ts";
import { makeCertificate } from "../../support/certificates.ts";
import { GET, MB, measure, openGuarded, replaceableIdentity } from "../../support/guarded_listener.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("a guarded listener serves a changed certificate to new connections, and goes on with old ones", async () => {
  const [before, after] = [await makeCertificate("before"), await makeCertificate("after")];
  await using files = await replaceableIdentity(before);
  await using server = await openGuarded({}, { tls: files.tls });
  using old = await server.connect(before.cert);
  await old.send(GET);
  await old.until(/0 bytes$/);
  await files.write(after);
  await files.tls.check();
  using fresh = await server.connect(after.cert);
  await fresh.send(GET);
  await fresh.until(/200 OK[^]*0 bytes$/);
  await assert.rejects(async () => {
    using distrustful = await server.connect(before.cert);
    await distrustful.send(GET);
    await distrustful.until(/200 OK/);
  });
  old.received = "";
  await old.send(GET);
  await old.until(/200 OK[^]*0 bytes$/);
});

Deno.test("a guarded listener cuts a TLS handshake that does not come or is none", async () => {
  await using files = await replaceableIdentity(await makeCertificate("test"));
  await using server = await openGuarded({ handshakeTimeoutMs: 100 }, { tls: files.tls });
  using silent = await server.connect();
  assert.equal(await silent.untilClosed(), "");
  using half = await server.connect();
  await half.send("\x16\x03\x01\x02\x00\x01");
  await half.untilClosed();
  assert.deepEqual(await server.counts(), { "cut handshake": 2 });
  using plain = await server.connect();
  await plain.send(GET);
  assert.doesNotMatch(await plain.untilClosed(), /HTTP/);
});

Deno.test("a guarded listener keeps its times inside TLS too", async () => {
  const certificate = await makeCertificate("test");
  await using files = await replaceableIdentity(certificate);
  const limits = { headersTimeoutMs: 100, idleTimeoutMs: 100, stallTimeoutMs: 200, bodyTimeoutMs: 100 };
  const handler: Handler = (request, peer) => {
    return request.url.endsWith("/big") ? new Response(new Uint8Array(50 * MB)) : measure(request, peer);
  };
  await using server = await openGuarded(limits, { handler, tls: files.tls });
  const cut = async (bytes: string) => {
    using client = await server.connect(certificate.cert);
    await client.send(bytes);
    return await client.untilClosed();
  };
  assert.equal(await cut(""), "");
  assert.match(await cut("GET / HT"), /^HTTP\/1\.1 408 /);
  assert.match(await cut(GET), /0 bytes$/);
  assert.match(await cut("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"), /^HTTP\/1\.1 408 /);
  using stalled = await server.connect(certificate.cert);
  await stalled.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
  await stalled.until(/200 OK/);
  await server.cut("stalled");
  assert.deepEqual(await server.counts(), { "cut headers": 2, "cut idle": 1, "cut body": 1, "cut stalled": 1 });
});
