import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { once } from "node:events";
import { type HttpClientFiles, HttpClients } from "../../client/http_client.ts";
import { CertificateAuthority } from "../support/certificate_authority.ts";
import { recordingLog } from "../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const authority = await CertificateAuthority.create();
const other = await CertificateAuthority.create();

const load = (files: HttpClientFiles) => HttpClients.load(files, { log: recordingLog().log });

/** Writes files by name into a folder that goes with the test. */
async function folder(files: Record<string, string>) {
  const directory = await Deno.makeTempDir();
  const write = async (name: string, text: string) => {
    await Deno.writeTextFile(`${directory}/new`, text);
    await Deno.rename(`${directory}/new`, `${directory}/${name}`);
  };
  for (const [name, text] of Object.entries(files)) await write(name, text);
  return {
    path: (name: string) => `${directory}/${name}`,
    write,
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

/** A server that demands a client certificate and answers with the name on it. */
async function demandingServer() {
  const { cert, key } = await authority.issue("server");
  const server = createServer({ cert, key, ca: authority.cert, requestCert: true }, (request, response) => {
    response.end((request.socket as TLSSocket).getPeerCertificate().subject.CN);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

const fetchWith = async (clients: HttpClients, url: string): Promise<string> => {
  const client = await clients.open();
  try {
    return await (await fetch(url, { client })).text();
  } finally {
    client.close();
  }
};

Deno.test("HttpClients.open() trusts the authority of its file and shows the client certificate", async () => {
  const { cert, key } = await authority.issue("client one");
  await using files = await folder({ ca: authority.cert, cert, key });
  await using server = await demandingServer();
  const ca = { path: files.path("ca"), name: "toCaFile" };
  const clients = await load({ ca, certPath: files.path("cert"), keyPath: files.path("key") });
  assert.equal(await fetchWith(clients, server.url), "client one");
});

Deno.test("HttpClients.open() takes up files that changed", async () => {
  const one = await authority.issue("client one"), two = await authority.issue("client two");
  await using files = await folder({ ca: other.cert, cert: one.cert, key: one.key });
  await using server = await demandingServer();
  const ca = { path: files.path("ca"), name: "toCaFile" };
  const clients = await load({ ca, certPath: files.path("cert"), keyPath: files.path("key") });
  await assert.rejects(
    fetchWith(clients, server.url),
    (error: Error) => /invalid peer certificate/.test(String(error.cause)),
  );
  await files.write("ca", authority.cert);
  assert.equal(await fetchWith(clients, server.url), "client one");
  await files.write("cert", two.cert);
  await files.write("key", two.key);
  assert.equal(await fetchWith(clients, server.url), "client two");
});

Deno.test("HttpClients.open() keeps to the last good files while one is bad, and says so once", async () => {
  const one = await authority.issue("client one"), two = await authority.issue("client two");
  await using files = await folder({ ca: authority.cert, cert: one.cert, key: one.key });
  await using server = await demandingServer();
  const ca = { path: files.path("ca"), name: "toCaFile" }, { log, records } = recordingLog();
  const clients = await HttpClients.load({ ca, certPath: files.path("cert"), keyPath: files.path("key") }, { log });
  // Tools that renew certificates replace one file after the other.
  await files.write("cert", two.cert);
  for (let i = 0; i < 2; i++) assert.equal(await fetchWith(clients, server.url), "client one");
  assert.deepEqual(records.map(({ level, sentence }) => [level, sentence]), [
    ["warn", "Cannot use changed certificates: those before stay in use"],
  ]);
  assert.match(String(records[0].fields.error), /^Bad --to-ca-file or --tls-cert-file or --tls-private-key-file: /);
  await files.write("key", two.key);
  assert.equal(await fetchWith(clients, server.url), "client two");
  assert.equal(records.length, 1);
});

Deno.test("HttpClients.open() opens a plain client without files", async () => {
  (await (await load({})).open()).close();
});

const identity = await authority.issue("client");
const stranger = await authority.issue("stranger");
const BAD_PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

const bad: [what: string, ca: string, cert: string, key: string, message: RegExp][] = [
  [
    "an authority file without a certificate",
    "junk",
    identity.cert,
    identity.key,
    /^Bad --from-ca-file: the file holds no/,
  ],
  [
    "a garbled authority",
    BAD_PEM,
    identity.cert,
    identity.key,
    /^Bad --from-ca-file or --tls-cert-file or --tls-priv/,
  ],
  ["a certificate file without one", authority.cert, "junk", identity.key, /^Bad --tls-cert-file: the file holds no/],
  ["a garbled key", authority.cert, identity.cert, "junk", /^Bad --from-ca-file or --tls-cert-file or --tls-private/],
  [
    "a key of another certificate",
    authority.cert,
    identity.cert,
    stranger.key,
    /^Bad --from-ca-file or --tls-cert-file or /,
  ],
];

for (const [what, caText, cert, key, message] of bad) {
  Deno.test(`HttpClients.load() refuses ${what}`, async () => {
    await using files = await folder({ ca: caText, cert, key });
    const ca = { path: files.path("ca"), name: "fromCaFile" };
    const loading = load({ ca, certPath: files.path("cert"), keyPath: files.path("key") });
    await assert.rejects(loading, { name: "SyntaxError", message });
  });
}

Deno.test("HttpClients.load() refuses a missing file", async () => {
  const loading = load({ ca: { path: "/nowhere/ca.pem", name: "fromCaFile" } });
  await assert.rejects(loading, { name: "SyntaxError", message: /^Bad --from-ca-file: .*\/nowhere\/ca\.pem/ });
});
