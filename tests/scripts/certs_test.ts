import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type TLSSocket } from "node:tls";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { issueCertificate, makeAuthority, makeCertificates } from "../../scripts/certs.ts";

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

/** A folder, and a plan of certificates in it. */
async function folder() {
  const temp = await Deno.makeTempDir(), dir = join(temp, "certs");
  return {
    plan: { dir, hosts: ["localhost", "127.0.0.1", "::1"], days: 1 },
    read: (file: string) => Deno.readTextFile(join(dir, file)),
    list: async () => (await Array.fromAsync(Deno.readDir(dir), ({ name }) => name)).sort(),
    [Symbol.asyncDispose]: () => Deno.remove(temp, { recursive: true }),
  };
}

Deno.test("makeCertificates() makes an authority and members, and hides the keys", async () => {
  await using temp = await folder();
  const paths = await makeCertificates({ ...temp.plan, names: ["a", "b"] });
  assert.deepEqual(
    paths.map((path) => path.slice(temp.plan.dir.length + 1)),
    ["ca.crt", "ca.key", "a.crt", "a.key", "b.crt", "b.key"],
  );
  assert.deepEqual(await temp.list(), ["a.crt", "a.key", "b.crt", "b.key", "ca.crt", "ca.key"]);
  for (const path of paths.filter((path) => path.endsWith(".key"))) {
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600, path);
  }
  const leaf = new X509Certificate(await temp.read("a.crt"));
  assert.ok(leaf.verify(new X509Certificate(await temp.read("ca.crt")).publicKey));
  assert.equal(leaf.subjectAltName, "DNS:a, DNS:localhost, IP Address:127.0.0.1, IP Address:::1");
});

Deno.test("makeCertificates() signs again with the authority that is there, and replaces members if forced", async () => {
  await using temp = await folder();
  await makeCertificates({ ...temp.plan, names: ["a"] });
  const [authority, first] = [await temp.read("ca.crt"), await temp.read("a.crt")];
  assert.equal((await makeCertificates({ ...temp.plan, names: ["b"] })).length, 2);
  await assert.rejects(makeCertificates({ ...temp.plan, names: ["c", "a"] }), {
    code: "usage",
    message: `Cannot overwrite the certificate of 'a' in '${temp.plan.dir}': --force replaces it`,
  });
  assert.equal(await temp.read("a.crt"), first);
  assert.deepEqual(await temp.list(), ["a.crt", "a.key", "b.crt", "b.key", "ca.crt", "ca.key"]);
  assert.equal((await makeCertificates({ ...temp.plan, names: ["a"], force: true })).length, 2);
  assert.equal(await temp.read("ca.crt"), authority);
  assert.notEqual(await temp.read("a.crt"), first);
  assert.ok(new X509Certificate(await temp.read("a.crt")).verify(new X509Certificate(authority).publicKey));
});

Deno.test("makeCertificates() never replaces half an authority", async () => {
  for (const kind of ["crt", "key"]) {
    await using temp = await folder();
    await makeCertificates({ ...temp.plan, names: ["a"] });
    await Deno.remove(join(temp.plan.dir, `ca.${kind}`));
    const before = await temp.list();
    await assert.rejects(makeCertificates({ ...temp.plan, names: ["b"], force: true }), { code: "usage" });
    assert.deepEqual(await temp.list(), before);
  }
});

Deno.test("makeCertificates() refuses names that are no host names, or that all members would carry", async () => {
  await using temp = await folder();
  for (const name of ["../a", "ca", "a b", "", "127.0.0.1", "localhost", "a, DNS:b"]) {
    await assert.rejects(makeCertificates({ ...temp.plan, names: [name] }), { code: "usage" }, name);
  }
  await assert.rejects(makeCertificates({ ...temp.plan, hosts: ["a/b"], names: ["a"] }), { code: "usage" });
  await assert.rejects(temp.list(), Deno.errors.NotFound);
});
