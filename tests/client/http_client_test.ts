import assert from "node:assert/strict";
import { createServer as createPlainServer } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { once } from "node:events";
import { FROM, type HttpClientFiles, HttpClients, type HttpClientsOptions, TO } from "../../client/http_client.ts";
import { noProxy } from "../../common/outgoing/proxy_rule.ts";
import { readProxyServer } from "../../common/outgoing/proxy_server.ts";
import { CertificateAuthority } from "../support/certificate_authority.ts";
import { recordingLog } from "../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const authority = await CertificateAuthority.create();
const other = await CertificateAuthority.create();

const load = (files: HttpClientFiles, options: Partial<HttpClientsOptions> = {}) =>
  HttpClients.load(files, { side: TO, proxyFor: noProxy, log: recordingLog().log, ...options });

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

/** The three files of a folder. */
const pathsIn = ({ path }: { path: (name: string) => string }): HttpClientFiles => ({
  caPath: path("ca"),
  certPath: path("cert"),
  keyPath: path("key"),
});

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
  using connection = await clients.open(new URL(url));
  return await (await fetch(url, connection)).text();
};

Deno.test("HttpClients.open() trusts the authority of its file and shows the client certificate", async () => {
  const { cert, key } = await authority.issue("client one");
  await using files = await folder({ ca: authority.cert, cert, key });
  await using server = await demandingServer();
  using clients = await load(pathsIn(files));
  assert.equal(await fetchWith(clients, server.url), "client one");
});

Deno.test("HttpClients.open() takes up files that changed", async () => {
  const one = await authority.issue("client one"), two = await authority.issue("client two");
  await using files = await folder({ ca: other.cert, cert: one.cert, key: one.key });
  await using server = await demandingServer();
  using clients = await load(pathsIn(files));
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
  const { log, records } = recordingLog();
  using clients = await load(pathsIn(files), { log });
  // Tools that renew certificates replace one file after the other.
  await files.write("cert", two.cert);
  for (let i = 0; i < 2; i++) assert.equal(await fetchWith(clients, server.url), "client one");
  assert.deepEqual(records.map(({ level, sentence }) => [level, sentence]), [
    ["warn", "Cannot use changed certificates: those before stay in use"],
  ]);
  assert.match(
    String(records[0].fields.error),
    /^Bad --tls-cert-file '\S+\/cert': the private key of --tls-private-key-file '\S+\/key' does not belong to it$/,
  );
  await files.write("key", two.key);
  assert.equal(await fetchWith(clients, server.url), "client two");
  assert.equal(records.length, 1);
});

Deno.test("HttpClients.open() trusts every authority of a file, also one that begins on the last line of another", async () => {
  const { cert, key } = await authority.issue("client one");
  await using files = await folder({ ca: `${other.cert.trim()}${authority.cert}`, cert, key });
  await using server = await demandingServer();
  using clients = await load(pathsIn(files));
  assert.equal(await fetchWith(clients, server.url), "client one");
});

Deno.test("HttpClients.open() opens a plain client without files", async () => {
  using clients = await load({});
  (await clients.open(new URL("http://127.0.0.1/")))[Symbol.dispose]();
});

/** A plain server that tells the connections apart that requests come over. */
async function countingServer() {
  const connections = new Set<unknown>();
  const server = createPlainServer((request, response) => {
    connections.add(request.socket);
    response.end("ok");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    connections,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

Deno.test("HttpClients.open() opens a connection for each request, by one client of the platform", async () => {
  await using server = await countingServer();
  using clients = await load({});
  const used: unknown[] = [];
  for (let i = 0; i < 3; i++) {
    using connection = await clients.open(new URL(server.url));
    used.push(connection.client);
    assert.equal(await (await fetch(server.url, connection)).text(), "ok");
  }
  assert.equal(server.connections.size, 3);
  assert.equal(new Set(used).size, 1);
});

Deno.test("HttpClients.open() takes another client for another proxy", async () => {
  const proxies = ["a", "a", "b"].map((host) => ({ ...readProxyServer(`http://${host}:80`), namedBy: "--to-proxy" }));
  using clients = await load({}, { proxyFor: () => proxies.shift() });
  const used: unknown[] = [];
  for (let i = 0; i < 3; i++) {
    using connection = await clients.open(new URL("http://c/"));
    used.push(connection.client);
  }
  assert.equal(used[0], used[1]);
  assert.notEqual(used[1], used[2]);
});

Deno.test("HttpClients[Symbol.dispose]() lets requests go on that are on their way, and others follow", async () => {
  await using server = await countingServer();
  const clients = await load({});
  using connection = await clients.open(new URL(server.url));
  clients[Symbol.dispose]();
  assert.equal(await (await fetch(server.url, connection)).text(), "ok");
  assert.equal(await fetchWith(clients, server.url), "ok");
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
    /^Bad --from-ca-file '\S+\/ca': it holds no certificate in PEM: name a file that has a line -----BEGIN CERTIFICATE-----$/,
  ],
  [
    "a garbled authority",
    BAD_PEM,
    identity.cert,
    identity.key,
    /^Bad --from-ca-file '\S+\/ca': its certificate is garbled$/,
  ],
  [
    "a garbled authority among good ones",
    `${authority.cert}\n${BAD_PEM}${other.cert}\n`,
    identity.cert,
    identity.key,
    /^Bad --from-ca-file '\S+\/ca': certificate 2 of 3 is garbled$/,
  ],
  [
    "an authority whose last line is missing",
    `${authority.cert.replace(/-----END.*/, "")}${other.cert}`,
    identity.cert,
    identity.key,
    /^Bad --from-ca-file '\S+\/ca': certificate 1 of 2 is garbled$/,
  ],
  [
    "a certificate file without one",
    authority.cert,
    "junk",
    identity.key,
    /^Bad --tls-cert-file '\S+\/cert': it holds no certificate in PEM: name a file that has a line -----BEGIN CERTIFICATE-----$/,
  ],
  [
    "a garbled certificate in a chain",
    authority.cert,
    `${identity.cert}\n${BAD_PEM}`,
    identity.key,
    /^Bad --tls-cert-file '\S+\/cert': certificate 2 of 2 is garbled$/,
  ],
  [
    "a key file without one",
    authority.cert,
    identity.cert,
    "junk",
    /^Bad --tls-private-key-file '\S+\/key': it holds no private key in PEM: name a file that has a line -----BEGIN PRIVATE KEY-----$/,
  ],
  [
    "a garbled key",
    authority.cert,
    identity.cert,
    `${identity.key.slice(0, 60)}${identity.key.slice(61)}`,
    /^Bad --tls-private-key-file '\S+\/key': its private key is garbled, or of a kind that is not known$/,
  ],
  [
    "a key of another certificate",
    authority.cert,
    identity.cert,
    stranger.key,
    /^Bad --tls-cert-file '\S+\/cert': the private key of --tls-private-key-file '\S+\/key' does not belong to it$/,
  ],
];

for (const [what, caText, cert, key, message] of bad) {
  Deno.test(`HttpClients.load() refuses ${what}`, async () => {
    await using files = await folder({ ca: caText, cert, key });
    const loading = load(pathsIn(files), { side: FROM });
    await assert.rejects(loading, { name: "SyntaxError", message });
  });
}

Deno.test("HttpClients.load() refuses a missing file", async () => {
  const loading = load({ caPath: "/nowhere/ca.pem" }, { side: FROM });
  await assert.rejects(loading, { name: "SyntaxError", message: /^Bad --from-ca-file: .*\/nowhere\/ca\.pem/ });
});
