import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type TLSSocket } from "node:tls";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { issueCertificate, makeAuthority, writeCertificates } from "../../scripts/certs.ts";

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

Deno.test("writeCertificates() keeps an authority that is there, renews members, and hides keys", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const plan = { hosts: ["localhost"], days: 1 };
    const paths = await writeCertificates(join(dir, "certs"), { names: ["a"], ...plan });
    assert.deepEqual(paths.map((path) => path.slice(dir.length + 1)), [
      "certs/ca.crt",
      "certs/ca.key",
      "certs/a.crt",
      "certs/a.key",
    ]);
    const read = (file: string) => Deno.readTextFile(join(dir, "certs", file));
    const before = [await read("ca.crt"), await read("a.crt")];
    assert.equal((await Deno.stat(paths[3])).mode! & 0o777, 0o600);
    assert.equal((await writeCertificates(join(dir, "certs"), { names: ["a", "b"], ...plan })).length, 4);
    assert.equal(await read("ca.crt"), before[0]);
    assert.notEqual(await read("a.crt"), before[1]);
    assert.ok(new X509Certificate(await read("b.crt")).verify(new X509Certificate(before[0]).publicKey));
    for (const name of ["../a", "ca", "a b", ""]) {
      await assert.rejects(writeCertificates(join(dir, "certs"), { names: [name], ...plan }), { code: "usage" });
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
