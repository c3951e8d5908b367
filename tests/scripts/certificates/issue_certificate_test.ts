import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type TLSSocket } from "node:tls";
import type { AddressInfo } from "node:net";
import { issueCertificate, makeAuthority } from "../../../scripts/certificates/issue_certificate.ts";

const DAY_MS = 24 * 3_600_000;

Deno.test("issueCertificate() names the member, its hosts and its term, under the authority's signature", async () => {
  const now = Date.UTC(2026, 0, 1);
  const authority = await makeAuthority({ now });
  const { cert, key } = await issueCertificate("telemeter-0", {
    authority,
    hosts: ["localhost", "127.0.0.1"],
    days: 30,
    now,
  });
  const [ca, leaf] = [new X509Certificate(authority.cert), new X509Certificate(cert)];
  assert.equal(leaf.subject, "CN=telemeter-0");
  assert.equal(leaf.checkHost("telemeter-0"), "telemeter-0");
  assert.equal(leaf.checkHost("localhost"), "localhost");
  assert.equal(leaf.checkIP("127.0.0.1"), "127.0.0.1");
  assert.equal(leaf.checkHost("telemeter-1"), undefined);
  assert.ok(leaf.verify(ca.publicKey) && leaf.checkIssued(ca));
  assert.deepEqual([ca.ca, leaf.ca], [true, false]);
  assert.equal(Date.parse(leaf.validTo), now + 30 * DAY_MS);
  assert.match(key, /^-----BEGIN PRIVATE KEY-----\n/);
});

Deno.test("two members of one authority shake hands both ways, a stranger is turned away", async () => {
  const options = { authority: await makeAuthority(), hosts: ["localhost"], days: 1 };
  const [listening, dialling] = await Promise.all(["a", "b"].map((name) => issueCertificate(name, options)));
  const stranger = await issueCertificate("b", { ...options, authority: await makeAuthority() });
  const ca = options.authority.cert;
  const greet = (socket: TLSSocket) => {
    socket.on("error", () => {});
    socket.end(socket.getPeerCertificate().subject.CN);
  };
  const server = createServer({ ...listening, ca, requestCert: true, rejectUnauthorized: true }, greet);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const dial = async (identity: { cert: string; key: string }) => {
    const socket = connect({ host: "127.0.0.1", port, servername: "localhost", ca, ...identity });
    const chunks: string[] = [];
    socket.on("data", (chunk) => chunks.push(String(chunk)));
    await once(socket, "close");
    return chunks.join("");
  };
  assert.equal(await dial(dialling), "b");
  // A client may see its refusal as an error or as an early end; it is not greeted.
  assert.equal(await dial(stranger).catch(() => ""), "");
  server.close();
  await once(server, "close");
});
