/** What a request that gets no answer says, over real sockets: the platform's texts are not ours to make up. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { FROM, type HttpClientFiles, HttpClients, TO } from "../../client/http_client.ts";
import { flaggedProxy, noProxy } from "../../common/outgoing/proxy_rule.ts";
import { readProxyServer } from "../../common/outgoing/proxy_server.ts";
import { call } from "../../client/request.ts";
import { CertificateAuthority } from "../support/certificate_authority.ts";
import { makeCertificate } from "../support/certificates.ts";
import { type ForwardProxyOptions, startForwardProxy } from "../support/forward_proxy.ts";
import { tempFolder } from "../support/programs.ts";
import { recordingLog } from "../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const authority = await CertificateAuthority.create();
const identity = await authority.issue("server", { hosts: ["server.test"] });

/** How a request is made: through what, and with which files, by their texts. */
interface Way {
  readonly proxy?: string;
  readonly ca?: string;
  readonly own?: { readonly cert: string; readonly key: string };
  readonly side?: typeof FROM;
}

/** What a GET ends with: the body, or the message of the error. */
async function outcome(url: string, { proxy, ca, own, side = TO }: Way = {}): Promise<string> {
  await using folder = await tempFolder();
  const files: HttpClientFiles = {
    caPath: ca && await folder.write("ca", ca),
    certPath: own && await folder.write("cert", own.cert),
    keyPath: own && await folder.write("key", own.key),
  };
  const proxyFor = proxy === undefined ? noProxy : flaggedProxy(readProxyServer(proxy), "--to-proxy");
  using clients = await HttpClients.load(files, { side, proxyFor, log: recordingLog().log });
  const signal = new AbortController().signal;
  const get = { attempt: "Cannot fetch", url: new URL(url), method: "GET" as const, headers: {}, clients, signal };
  return await call({ ...get, timeoutMs: 20_000 }, (response) => response.text()).catch((error) => error.message);
}

/** A server on a free port that goes with the test. */
async function started(server: ReturnType<typeof createServer>) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    place: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

const tlsServer = (options: ServerOptions) =>
  started(createTlsServer(options, (_, response) => void response.writeHead(200, { connection: "close" }).end("ok")));

/** Answers whatever comes with bytes, and hangs up. */
const rawServer = (answer: string) =>
  started(createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(answer, "latin1"));
  }));

/** A port on which nobody listens. */
function deadPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** The message of a failed request, behind the place, which it must name without user name, password and query. */
async function fault(url: string, way?: Way): Promise<string> {
  const { protocol, host } = new URL(url);
  const message = await outcome(url.replace("//", "//user:s3cret@") + "?key=s3cret", way);
  assert.doesNotMatch(message, /s3cret|user:|key=/);
  const place = `Cannot fetch ${protocol}//${host}/`;
  assert.equal(message.slice(0, place.length), place);
  return message.slice(place.length);
}

Deno.test("connectionFault() says that nobody listens, and which flag names the place", async () => {
  const sentence = ": it cannot be reached: Connection refused: see that it runs, and check ";
  assert.equal(await fault(`http://127.0.0.1:${deadPort()}/`), `${sentence}--to`);
  assert.equal(await fault(`http://127.0.0.1:${deadPort()}/`, { side: FROM }), `${sentence}--from`);
});

Deno.test("connectionFault() says that a name is not known, and which flag has it", async () => {
  assert.match(await fault("http://nowhere.invalid/", { side: FROM }), /^: its name is not known: .*: check --from$/);
});

Deno.test("connectionFault() says that https meets a port without TLS", async () => {
  await using server = await rawServer("HTTP/1.1 400 Bad Request\r\n\r\n");
  assert.equal(
    await fault(`https://${server.place}/`),
    ": it does not speak TLS: write http:// in --to, or name the port that does",
  );
});

Deno.test("connectionFault() says that http meets a port with TLS", async () => {
  await using server = await tlsServer(identity);
  assert.equal(
    await fault(`http://${server.place}/`, { side: FROM }),
    ": it does not speak HTTP; if it speaks TLS, write https:// in --from",
  );
});

Deno.test("connectionFault() names the flag for an authority that is not known", async () => {
  await using server = await tlsServer(identity);
  const sentence = ": its certificate comes from an authority that is not known here: give that authority in ";
  assert.equal(await fault(`https://${server.place}/`), `${sentence}--to-ca-file`);
  assert.equal(await fault(`https://${server.place}/`, { side: FROM }), `${sentence}--from-ca-file`);
  assert.equal(await outcome(`https://${server.place}/`, { ca: authority.cert }), "ok");
});

Deno.test("connectionFault() explains a self-signed certificate of an authority, pinned or not", async () => {
  const keys = await CertificateAuthority.create().then((self) => self.itself());
  await using server = await tlsServer(keys);
  for (const way of [{}, { ca: keys.cert }]) {
    assert.equal(
      await fault(`https://${server.place}/`, way),
      ": its certificate is an authority's (CA:TRUE), which signs certificates of servers and cannot be one: " +
        "give the server one that has CA:FALSE",
    );
  }
});

Deno.test("call() trusts a pinned self-signed certificate that is no authority's", async () => {
  const self = await makeCertificate("self");
  await using server = await tlsServer(self);
  assert.equal(await outcome(`https://${server.place}/`, { ca: self.cert }), "ok");
  assert.match(await fault(`https://${server.place}/`), /give that authority in --to-ca-file$/);
});

Deno.test("connectionFault() says for which name a certificate is not", async () => {
  await using server = await tlsServer(await authority.issue("server"));
  await using proxy = await startForwardProxy({ to: server.place });
  assert.match(
    await fault("https://other.test/", { ca: authority.cert, proxy: proxy.url }),
    /: its certificate is not for the name "other\.test"; .*localhost.*: write a name that it has in --to$/s,
  );
});

Deno.test("connectionFault() says that a client certificate is asked for, or refused", async () => {
  await using server = await tlsServer({ ...identity, ca: authority.cert, requestCert: true });
  assert.equal(
    await fault(`https://${server.place}/`, { ca: authority.cert }),
    ": it asks for a client certificate: give one in --tls-cert-file and --tls-private-key-file",
  );
  const own = await authority.issue("client");
  assert.equal(await outcome(`https://${server.place}/`, { ca: authority.cert, own }), "ok");
});

Deno.test("connectionFault() says that a connection ends before the answer, or in it", async () => {
  await using silent = await rawServer("");
  assert.equal(await fault(`http://${silent.place}/`), ": it closed the connection before it answered");
  await using short = await rawServer("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc");
  assert.equal(await fault(`http://${short.place}/`), ": its answer breaks off");
});

Deno.test("connectionFault() quotes nothing of a URL that is too long for the platform", async () => {
  assert.equal(
    await outcome(`http://127.0.0.1/?key=${"s3cret".repeat(12_000)}`),
    "Cannot fetch http://127.0.0.1/: the URL is longer than the platform can send",
  );
});

Deno.test("connectionFault() says that the platform does not connect to a port", async () => {
  assert.match(await fault("http://127.0.0.1:6000/"), /^: Requests to port 6000 are blocked: .*use another one$/);
});

Deno.test("call() goes through a proxy by name, alone where it is told to, and the proxy resolves the names", async () => {
  await using server = await tlsServer(identity);
  await using plain = await started(
    createHttpServer((_, response) => void response.writeHead(200, { connection: "close" }).end("plain")),
  );
  const rows: [url: string, to: string, options: Omit<ForwardProxyOptions, "to">, asked: string][] = [
    ["https://server.test/a?b", server.place, {}, "CONNECT server.test:443"],
    ["http://server.test/a?b", plain.place, {}, "GET http://server.test/a?b"],
    ["https://server.test:9003/", server.place, { login: "user:p@ss" }, "CONNECT server.test:9003"],
    ["http://server.test/", plain.place, { login: "user:p@ss" }, "GET http://server.test/"],
    ["https://server.test/", server.place, { speaks: "https", identity, login: "u:p" }, "CONNECT server.test:443"],
    ["http://server.test/", plain.place, { speaks: "https", identity, login: "u:p" }, "GET http://server.test/"],
    ["https://server.test/", server.place, { speaks: "socks5" }, "SOCKS server.test:443"],
    ["http://server.test/", plain.place, { speaks: "socks5" }, "SOCKS server.test:80"],
  ];
  for (const [url, to, options, asked] of rows) {
    await using proxy = await startForwardProxy({ to, ...options });
    const given = proxy.url.replace("//", `//${options.login?.replace(/@/, "%40") ?? ""}${options.login ? "@" : ""}`);
    assert.equal(await outcome(url, { proxy: given, ca: authority.cert }), to === plain.place ? "plain" : "ok", url);
    assert.deepEqual(proxy.asked, [asked]);
  }
});

/** What the message says behind the place, with the proxy's place struck out. */
async function throughProxy(url: string, place: string, way: Way = {}): Promise<string> {
  const message = await fault(url, { proxy: `http://us3r:w0rd@${place}`, ...way });
  assert.doesNotMatch(message, /us3r|w0rd/);
  const behind = ` through the proxy ${place}: `;
  assert.equal(message.slice(0, behind.length), behind);
  return message.slice(behind.length);
}

for (const scheme of ["http", "https"]) {
  Deno.test(`connectionFault() names a dead proxy on the way to ${scheme}`, async () => {
    assert.equal(
      await throughProxy(`${scheme}://server.test/`, `127.0.0.1:${deadPort()}`),
      "the proxy cannot be reached: Connection refused: check --to-proxy",
    );
  });

  Deno.test(`connectionFault() names a proxy whose name nobody knows on the way to ${scheme}`, async () => {
    assert.match(
      await throughProxy(`${scheme}://server.test/`, "nowhere.invalid:3128"),
      /^the proxy's name is not known: .*: check --to-proxy$/,
    );
  });
}

Deno.test("connectionFault() says that a proxy wants a login, refuses, or is none", async () => {
  await using wants = await startForwardProxy({ to: "127.0.0.1:1", login: "user:password" });
  assert.equal(
    await throughProxy("https://server.test/", wants.place),
    "the proxy wants a user name and a password: give them in the URL of --to-proxy",
  );
  await using refuses = await startForwardProxy({ to: "127.0.0.1:1", refuses: true });
  assert.equal(
    await throughProxy("https://server.test:9003/", refuses.place),
    "the proxy refuses to connect to server.test:9003: allow it there, or check user name and password in --to-proxy",
  );
  // As tinyproxy asks for a login, in which the platform sees a refusal.
  await using old = await rawServer("HTTP/1.0 407 Proxy Authentication Required\r\n\r\n");
  assert.equal(
    await throughProxy("https://server.test/", old.place),
    "the proxy refuses to connect to server.test: allow it there, or check user name and password in --to-proxy",
  );
  await using none = await rawServer("");
  assert.equal(
    await throughProxy("https://server.test/", none.place),
    "the proxy does not answer as a proxy does: check --to-proxy",
  );
});

Deno.test("connectionFault() names a dead SOCKS proxy, and one that is none", async () => {
  const place = `127.0.0.1:${deadPort()}`;
  assert.equal(
    await throughProxy("http://server.test/", place, { proxy: `socks5://us3r:w0rd@${place}` }),
    "the proxy cannot be reached: check --to-proxy",
  );
  await using none = await rawServer("HTTP/1.1 400 Bad Request\r\n\r\n");
  assert.equal(
    await throughProxy("http://server.test/", none.place, { proxy: `socks5://${none.place}` }),
    "the proxy does not answer as a proxy does: check --to-proxy",
  );
});

Deno.test("connectionFault() tells a proxy without TLS from what is behind it", async () => {
  await using plain = await startForwardProxy({ to: "127.0.0.1:1" });
  assert.equal(
    await throughProxy("https://server.test/", plain.place, { proxy: `https://${plain.place}` }),
    "the proxy, or what is behind it, does not speak TLS: check --to-proxy and --to",
  );
});
