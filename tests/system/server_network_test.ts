/** The real server and those that it asks itself: which way its requests take, and what it says of those that fail. */

import assert from "node:assert/strict";
import { Child } from "../../scripts/process/child.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { CertificateAuthority } from "../support/certificate_authority.ts";
import { startForwardProxy } from "../support/forward_proxy.ts";
import { KvConnectServer } from "../support/kv_connect_server.ts";
import { loopback } from "../support/loopback.ts";
import { type RunningServer, runProgram, startServer, tempFolder } from "../support/programs.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** An authorizer that knows every token, and its OpenID Connect issuer, under any name that leads to them. */
function upstream() {
  return loopback((request) => {
    const { pathname } = new URL(request.url);
    const issuer = `http://${request.headers.get("host")}`;
    if (pathname === "/token") return Response.json({ access_token: "access", expires_in: 300 });
    if (pathname !== "/") return Response.json({ issuer, token_endpoint: `${issuer}/token` });
    return Response.json({ account_id: "account" });
  });
}

/** The status with which a server answers who asks for a token. */
async function authorize({ external }: RunningServer): Promise<number> {
  const url = new URL("authorize?id=a", external);
  const { status, body } = await fetch(url, { method: "POST", headers: { authorization: "Bearer b" } });
  await body?.cancel();
  return status;
}

/** Why a server could not ask its authorizer, as its log says it. */
async function failure(server: RunningServer): Promise<string> {
  assert.equal(await authorize(server), 503);
  return (await server.child.line(/ msg="The authorizer does not answer:.* reason="(.*)"/))[1];
}

const OIDC = ["--authorize-username=u", "--authorize-password=p", "--authorize-client-id=c"];

for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY"]) {
  Deno.test(`the server asks its authorizer and the issuer through ${name}, with a password that no log holds`, async () => {
    await using folder = await tempFolder();
    await using asked = await upstream();
    await using proxy = await startForwardProxy({ to: asked.url.host, login: "user:s3cret" });
    const flags = ["--authorize=http://authorizer.test", "--authorize-issuer-url=http://issuer.test", ...OIDC];
    const env = { [name]: proxy.url.replace("//", "//user:s3cret@") };
    await using server = await startServer(flags, { storageDir: folder.path, env });
    assert.equal(await authorize(server), 200);
    assert.deepEqual(proxy.asked, [
      "GET http://issuer.test/.well-known/openid-configuration",
      "POST http://issuer.test/token",
      "POST http://authorizer.test/",
    ]);
    assert.doesNotMatch(server.child.lines.join("\n"), /s3cret/);
  });
}

Deno.test("the server reaches an authorizer on this machine, and hosts of NO_PROXY, without a proxy", async () => {
  await using folder = await tempFolder();
  await using asked = await upstream();
  await using proxy = await startForwardProxy({ to: "127.0.0.1:1" });
  const env = { HTTP_PROXY: proxy.url, ALL_PROXY: proxy.url, NO_PROXY: ".test:8080,10.0.0.0/8" };
  for (const host of ["127.0.0.1", "localhost"]) {
    const flag = `--authorize=http://${host}:${asked.url.port}`;
    await using server = await startServer([flag], { storageDir: folder.path, env });
    assert.equal(await authorize(server), 200, host);
  }
  await using server = await startServer(["--authorize=http://no.test:8080"], { storageDir: folder.path, env });
  assert.match(
    await failure(server),
    /^Cannot ask http:\/\/no\.test:8080: its name is not known: .*: check --authorize$/,
  );
  assert.deepEqual(proxy.asked, []);
});

Deno.test("the server names the proxy that keeps it from asking, and what names that proxy, without a password", async () => {
  await using folder = await tempFolder();
  await using refusing = await startForwardProxy({ to: "127.0.0.1:1", login: "other:one" });
  const rows: [authorize: string, proxy: string, says: RegExp][] = [
    [
      "http://authorizer.test",
      "http://user:s3cret@127.0.0.1:1",
      /^Cannot ask http:\/\/authorizer\.test through the proxy 127\.0\.0\.1:1: the proxy cannot be reached: .*: check ALL_PROXY$/,
    ],
    [
      "https://authorizer.test",
      "socks5://user:s3cret@127.0.0.1:1",
      /^Cannot ask https:\/\/authorizer\.test through the proxy 127\.0\.0\.1:1: the proxy cannot be reached.*: check ALL_PROXY$/,
    ],
    [
      "http://authorizer.test",
      `http://user:s3cret@${refusing.place}`,
      /through the proxy 127.*: the proxy wants a user name and a password: give them in the URL of ALL_PROXY$/,
    ],
    [
      "https://authorizer.test",
      `http://user:s3cret@${refusing.place}`,
      /through the proxy 127.*: the proxy wants a user name and a password: give them in the URL of ALL_PROXY$/,
    ],
  ];
  for (const [url, proxy, says] of rows) {
    await using server = await startServer([`--authorize=${url}`], {
      storageDir: folder.path,
      env: { ALL_PROXY: proxy },
    });
    assert.match(await failure(server), says);
    assert.doesNotMatch(server.child.lines.join("\n"), /s3cret/);
  }
});

Deno.test("the server refuses to start with a proxy of the environment that is none, without quoting it", async () => {
  const env = { HTTPS_PROXY: "ftp://user:s3cret@proxy" };
  for (const flags of [["--authorize=https://a.test"], ["--storage-url=https://a.test"]]) {
    assert.deepEqual(
      await runProgram("server", ["--listen=127.0.0.1:0", "--listen-internal=127.0.0.1:0", ...flags], { env }),
      {
        code: 2,
        output: "telemeter-server: Bad HTTPS_PROXY: Cannot read it as a proxy: " +
          "write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT",
      },
    );
  }
});

Deno.test("the server trusts the system's authorities with its authorizer, unless DENO_TLS_CA_STORE says otherwise", async () => {
  const authority = await CertificateAuthority.create();
  await using folder = await tempFolder();
  await using authorizer = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, ...await authority.issue("authorizer") },
    () => Response.json({ account_id: "account" }),
  );
  const flags = [`--authorize=https://localhost:${authorizer.addr.port}`];
  const env = {
    SSL_CERT_FILE: await folder.write("ca", authority.cert),
    SSL_CERT_DIR: folder.path,
    NODE_EXTRA_CA_CERTS: "",
  };
  const storageDir = `${folder.path}/data`;
  {
    await using server = await startServer(flags, { storageDir, env });
    assert.equal(await authorize(server), 200);
  }
  await using server = await startServer(flags, { storageDir, env: { ...env, DENO_TLS_CA_STORE: "mozilla" } });
  assert.match(
    await failure(server),
    /: its certificate comes from an authority that is not known here: .* SSL_CERT_FILE$/,
  );
});

/** Starts a server whose store is elsewhere, as the documents say. */
function startWithStore(url: string | URL, env: Readonly<Record<string, string>>): Child {
  const flags = ["--listen=127.0.0.1:0", "--listen-internal=127.0.0.1:0", `--storage-url=${url}`];
  const command = taskCommand("server", flags);
  return new Child({ ...command, env: { ...command.env, DENO_KV_ACCESS_TOKEN: "secret", ...env } });
}

Deno.test("the server reaches a store on this machine without a proxy", async () => {
  await using store = new KvConnectServer("secret");
  await using proxy = await startForwardProxy({ to: "127.0.0.1:1" });
  await using server = startWithStore(store.url, { HTTP_PROXY: proxy.url, ALL_PROXY: proxy.url });
  await server.line(/ msg=Listening /);
  assert.deepEqual(proxy.asked, []);
});

Deno.test("the server reaches a store elsewhere through HTTPS_PROXY, and hosts of NO_PROXY without", async () => {
  await using proxy = await startForwardProxy({ to: "127.0.0.1:1", refuses: true });
  const env = { HTTPS_PROXY: proxy.url.replace("//", "//user:s3cret@") };
  const url = "https://store.test";
  for (
    const [more, says] of [[{}, `through the proxy ${proxy.place} `], [{ NO_PROXY: "store.test:443" }, ""]] as const
  ) {
    const server = startWithStore(url, { ...env, ...more });
    assert.equal((await server.exited).code, 2);
    const output = server.lines.join("\n");
    assert.match(output, new RegExp(`^telemeter-server: Cannot reach the store at store\\.test ${says}\\(`, "m"));
    assert.doesNotMatch(output, /s3cret/);
    assert.deepEqual(new Set(proxy.asked), new Set(["CONNECT store.test:443"]));
    if (says !== "") assert.match(output, /: check HTTPS_PROXY, --storage-url and DENO_KV_ACCESS_TOKEN$/m);
  }
});
