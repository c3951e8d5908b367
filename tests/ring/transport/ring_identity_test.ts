import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { UsageError } from "../../../common/options.ts";
import { RingIdentity } from "../../../ring/transport/ring_identity.ts";
import { type Identity, issueCertificate, makeAuthority } from "../../../scripts/certificates/issue_certificate.ts";
import { recordingLog } from "../../support/recording_log.ts";
import { message, RingFolder, type RingMember } from "../../support/ring_members.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const hosts = ["127.0.0.1"];

/** A folder with members a and b, and how to change what is in it. */
async function certificates() {
  const folder = await RingFolder.create("a", "b");
  const authority: Identity = { cert: await folder.read("ca.crt"), key: await folder.read("ca.key") };
  const write = (file: string, text: string) => Deno.writeTextFile(join(folder.dir, file), text);
  return {
    folder,
    authority,
    write,
    /** Issues a new certificate for a member. */
    renew: async (name: string, issuer = authority, as = name) => {
      const { cert, key } = await issueCertificate(as, { authority: issuer, hosts, days: 1 });
      await write(`${name}.key`, key);
      await write(`${name}.crt`, cert);
      return new X509Certificate(cert).serialNumber;
    },
    load: (name: string) => {
      const { log, records } = recordingLog();
      const [caPath, certPath, keyPath] = ["ca.crt", "a.crt", "a.key"].map((file) => join(folder.dir, file));
      const identity = RingIdentity.load({ name, caPath, certPath, keyPath, log, every: () => () => {} });
      return identity.then((identity) => ({ identity, records }));
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

Deno.test("RingIdentity.load() refuses what no member can use, and says which file it is", async () => {
  await using files = await certificates();
  const rejects = async (name: string, says: RegExp) => {
    await assert.rejects(files.load(name), (error) => error instanceof UsageError && says.test(error.message));
  };
  await rejects("b", /^Cannot be 'b' with the certificate in '.*a\.crt': the DNS names in it are 'a', 'localhost'$/);
  await files.write("ca.crt", await files.folder.read("b.crt"));
  await rejects(
    "a",
    /^Bad --cluster-ca '.*ca\.crt': its certificate is not an authority's \(CA:FALSE\): write certificates of authorities$/,
  );
  await files.write("ca.crt", `${files.authority.cert}\n${await files.folder.read("b.crt")}`);
  await rejects("a", /^Bad --cluster-ca '.*ca\.crt': certificate 2 of 2 is not an authority's \(CA:FALSE\): write /);
  await files.write("ca.crt", `${files.authority.cert}\n-----BEGIN CERTIFICATE-----\nAAAA\n`);
  await rejects("a", /^Bad --cluster-ca '.*ca\.crt': certificate 2 of 2 is garbled$/);
  await files.write("ca.crt", "");
  await rejects(
    "a",
    /^Bad --cluster-ca '.*ca\.crt': it holds no certificate in PEM: name a file that has a line -----BEGIN CERTIFICATE-----$/,
  );
  await Deno.remove(join(files.folder.dir, "ca.crt"));
  await rejects("a", /^Bad --cluster-ca: Cannot read '.*ca\.crt': there is no such file: make it, or name another$/);
});

Deno.test("RingIdentity takes up files that change, and keeps what was before where they cannot be used", async () => {
  await using files = await certificates();
  const { identity, records } = await files.load("a");
  using _ = identity;
  const seen: string[] = [];
  const stop = identity.onChange(({ cert }) => seen.push(new X509Certificate(cert).serialNumber));
  await identity.check();
  assert.deepEqual(seen, []);
  const serial = await files.renew("a");
  await identity.check();
  assert.deepEqual(seen, [serial]);

  const [before, complaints] = [identity.current, records.length];
  await files.write("ca.crt", "no certificate");
  await files.write("a.crt", "no certificate either");
  await identity.check();
  await identity.check();
  assert.deepEqual(identity.current, before);
  assert.equal(records.slice(complaints).length, 2, "each says so once");

  const both = files.authority.cert + (await makeAuthority()).cert;
  await files.write("ca.crt", both);
  const last = await files.renew("a");
  await identity.check();
  assert.equal(identity.current.ca, both);
  assert.equal(new X509Certificate(identity.current.cert).serialNumber, last);
  stop();
  await files.renew("a");
  await identity.check();
  assert.equal(seen.at(-1), last);
});

Deno.test("RingIdentity says so when a new certificate lacks the member's name", async () => {
  await using files = await certificates();
  const { identity, records } = await files.load("a");
  using _ = identity;
  await files.renew("a", files.authority, "somebody-else");
  await identity.check();
  assert.ok(
    records.some(({ level, sentence }) => level === "error" && /does not have this member's name/.test(sentence)),
  );
});

async function relink(from: RingMember, to: RingMember): Promise<void> {
  from.transport.cut(to.name, { code: "unreachable", message: "The test links them again" });
  await to.next("down");
  from.transport.dial(to.address);
  await from.next("up", (event) => event.kind === "up" && event.dialled === to.address);
}

Deno.test("Transport moves to another authority without a restart: both are trusted, then certificates change, then the old goes", async () => {
  await using files = await certificates();
  await using a = await files.folder.member("a");
  await using b = await files.folder.member("b");
  await a.link(b);
  const check = () => Promise.all([a.identity.check(), b.identity.check()]);
  const next = await makeAuthority();
  await files.write("ca.crt", files.authority.cert + next.cert);
  await check();
  await relink(a, b);
  await files.renew("a", next);
  await check();
  await relink(a, b);
  await relink(b, a);
  await files.renew("b", next);
  await files.write("ca.crt", next.cert);
  await check();
  await relink(a, b);
  await relink(b, a);

  // One with a certificate of the authority that is gone is refused now.
  const left = await issueCertificate("x", { authority: files.authority, hosts, days: 1 });
  await files.write("x.crt", left.cert);
  await files.write("x.key", left.key);
  await using x = await files.folder.member("x");
  x.transport.dial(a.address);
  assert.equal((await x.next("failed")).refusal.code, "handshake");
  assert.equal(await a.metric('telemeter_ring_refused_total{reason="certificate"}'), 1);
  assert.ok(b.transport.send("a", message()));
  await a.next("message");
});
