import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { makeCertificates } from "../../../scripts/certificates/certificate_folder.ts";
import { makeAuthority } from "../../../scripts/certificates/issue_certificate.ts";

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

Deno.test("makeCertificates() refuses an authority that cannot sign, and writes nothing", async () => {
  for (const spoil of [{ crt: "no certificate" }, { key: "no key" }, { key: (await makeAuthority()).key }]) {
    await using temp = await folder();
    await makeCertificates({ ...temp.plan, names: ["a"] });
    for (const [kind, text] of Object.entries(spoil)) await Deno.writeTextFile(join(temp.plan.dir, `ca.${kind}`), text);
    const before = await temp.list();
    await assert.rejects(makeCertificates({ ...temp.plan, names: ["b"] }), {
      code: "usage",
      message: /^Cannot sign with the authority in '.*': ca\.crt and ca\.key are not an authority's certificate and /,
    });
    assert.deepEqual(await temp.list(), before);
  }
});

Deno.test("makeCertificates() names the file of the authority that it cannot read, and makes a member named twice once", async () => {
  await using temp = await folder();
  const written = await makeCertificates({ ...temp.plan, names: ["a", "a"] });
  assert.equal(new Set(written).size, written.length);
  const cert = join(temp.plan.dir, "ca.crt");
  await Deno.remove(cert);
  await Deno.mkdir(cert);
  await assert.rejects(makeCertificates({ ...temp.plan, names: ["b"] }), {
    code: "usage",
    message: `Cannot read '${cert}': it is a directory: name a file`,
  });
});

Deno.test("makeCertificates() says in one sentence that the system refuses the folder", async () => {
  await using temp = await folder();
  await makeCertificates({ ...temp.plan, names: ["a"] });
  const dir = join(temp.plan.dir, "a.crt", "deeper");
  await assert.rejects(makeCertificates({ ...temp.plan, dir, names: ["b"] }), {
    code: "usage",
    message: `Cannot make certificates in '${dir}': a part of its path is a file: name a path of directories`,
  });
});
