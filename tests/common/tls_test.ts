import assert from "node:assert/strict";
import { UsageError } from "../../common/options.ts";
import { loadTlsIdentity, type TlsPair } from "../../common/tls.ts";
import { makeCertificate } from "../support/certificates.ts";
import { recordingLog } from "../support/recording_log.ts";

const [one, two] = [await makeCertificate("one"), await makeCertificate("two")];

/** Files for a pair, and what `loadTlsIdentity()` wants. */
async function files({ cert, key }: TlsPair) {
  const dir = await Deno.makeTempDir(), { log, records } = recordingLog();
  const flags = { cert: "--tls-crt", key: "--tls-key" };
  const options = { certPath: `${dir}/crt`, keyPath: `${dir}/key`, flags, log };
  const write = async ({ cert, key }: Partial<TlsPair>) => {
    if (cert !== undefined) await Deno.writeTextFile(options.certPath, cert);
    if (key !== undefined) await Deno.writeTextFile(options.keyPath, key);
  };
  await write({ cert, key });
  return { options, records, write, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

Deno.test("loadTlsIdentity() refuses a pair that cannot serve, in a sentence that names the file at fault", async () => {
  const garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const rows: [TlsPair, (paths: { certPath: string; keyPath: string }) => string][] = [
    [
      { cert: "", key: one.key },
      ({ certPath }) =>
        `Bad --tls-crt '${certPath}': it holds no certificate in PEM: name a file that has a line -----BEGIN CERTIFICATE-----`,
    ],
    [
      { cert: garbage, key: one.key },
      ({ certPath }) => `Bad --tls-crt '${certPath}': its certificate is garbled`,
    ],
    [
      { cert: `${one.cert}\n${garbage}`, key: one.key },
      ({ certPath }) => `Bad --tls-crt '${certPath}': certificate 2 of 2 is garbled`,
    ],
    [
      { cert: one.cert, key: "secret words" },
      ({ keyPath }) =>
        `Bad --tls-key '${keyPath}': it holds no private key in PEM: name a file that has a line -----BEGIN PRIVATE KEY-----`,
    ],
    [
      { cert: one.cert, key: one.cert },
      ({ keyPath }) =>
        `Bad --tls-key '${keyPath}': it holds no private key in PEM: name a file that has a line -----BEGIN PRIVATE KEY-----`,
    ],
    [
      { cert: one.cert, key: `${one.key.slice(0, 60)}${one.key.slice(61)}` },
      ({ keyPath }) => `Bad --tls-key '${keyPath}': its private key is garbled, or of a kind that is not known`,
    ],
    [
      { cert: one.cert, key: two.key },
      ({ certPath, keyPath }) =>
        `Bad --tls-crt '${certPath}': the private key of --tls-key '${keyPath}' does not belong to it`,
    ],
  ];
  for (const [pair, sentence] of rows) {
    await using temp = await files(pair);
    await assert.rejects(loadTlsIdentity(temp.options), (error) => {
      assert(error instanceof UsageError);
      assert.equal(error.message, sentence(temp.options));
      return true;
    });
  }
  await using temp = await files(one);
  await Deno.remove(temp.options.keyPath);
  await assert.rejects(loadTlsIdentity(temp.options), {
    message: `Bad --tls-key: Cannot read '${temp.options.keyPath}': there is no such file: make it, or name another`,
  });
});

Deno.test("TlsIdentity takes up a changed pair, and tells who listens", async () => {
  await using temp = await files(one);
  using identity = await loadTlsIdentity(temp.options);
  assert.deepEqual(identity.current, one);
  const seen: TlsPair[] = [];
  const stop = identity.onChange((pair) => seen.push(pair));
  await identity.check();
  assert.deepEqual(seen, []);
  await temp.write(two);
  await identity.check();
  await identity.check();
  assert.deepEqual([seen, identity.current], [[two], two]);
  stop();
  await temp.write(one);
  await identity.check();
  assert.deepEqual([seen, identity.current], [[two], one]);
  assert.deepEqual(temp.records.map(({ level, fields }) => [level, fields.subject]), [["info", "CN=two"], [
    "info",
    "CN=one",
  ]]);
});

Deno.test("TlsIdentity keeps the pair before a bad one, and says so once", async () => {
  await using temp = await files(one);
  using identity = await loadTlsIdentity(temp.options);
  await temp.write({ key: two.key });
  for (let i = 0; i < 3; i++) await identity.check();
  assert.deepEqual(identity.current, one);
  assert.deepEqual(temp.records.map(({ level, sentence }) => [level, sentence]), [
    ["warn", "Cannot use a changed TLS certificate or key: the one before stays in use"],
  ]);
  await temp.write({ cert: two.cert });
  await identity.check();
  assert.deepEqual(identity.current, two);
  await Deno.remove(temp.options.certPath);
  await identity.check();
  assert.deepEqual(temp.records.map(({ level }) => level), ["warn", "info", "warn"]);
  assert.doesNotMatch(JSON.stringify(temp.records), /PRIVATE|BEGIN/);
});

Deno.test("TlsIdentity keeps the pair before one that a listener cannot take", async () => {
  await using temp = await files(one);
  using identity = await loadTlsIdentity(temp.options);
  identity.onChange(() => {
    throw new Error("not mine");
  });
  await temp.write(two);
  await identity.check();
  assert.deepEqual([identity.current, temp.records[0].fields.error], [one, "not mine"]);
});

Deno.test("TlsIdentity looks at its files by a timer until it is disposed of", async () => {
  await using temp = await files(one);
  let tick = () => {}, running: number | undefined;
  const identity = await loadTlsIdentity({
    ...temp.options,
    every: (task, intervalMs) => {
      tick = task;
      running = intervalMs;
      return () => running = undefined;
    },
  });
  assert.equal(running, 10_000);
  const changed = new Promise((resolve) => identity.onChange(resolve));
  await temp.write(two);
  tick();
  assert.deepEqual(await changed, two);
  identity[Symbol.dispose]();
  assert.equal(running, undefined);
});
