/** The real server, and those who have no token of ours: OAuth 2.0, initial tokens with ids, certificates of clients. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Child, runToEnd } from "../../scripts/process/child.ts";
import { freePort } from "../../scripts/process/free_port.ts";
import { newToken, tokenLine } from "../../server/authorization/tokens_file.ts";
import { CertificateAuthority, type Identity } from "../support/certificate_authority.ts";
import { forgedKey } from "../support/forged_key.ts";
import { type Folder, type RunningServer, runProgram, startServer, tempFolder } from "../support/programs.ts";
import { realPrometheus } from "../support/real_prometheus.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const PATIENCE_MS = 60_000;
/** Good clients beside a flood; a quiet machine needs a twentieth of it. */
const SOON_MS = 2_000;

/** A server that knows a cluster `mine` by a token. */
async function open(...flags: string[]) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder()), secret = newToken();
  const tokens = await folder.write("tokens", tokenLine("mine", secret));
  const all = [`--tokens-file=${tokens}`, "--ratelimit=0", ...flags];
  const server = stack.use(await startServer(all, { storageDir: join(folder.path, "data") }));
  const rest = stack.move();
  return { folder, server, secret, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

/** Asks for a token as OAuth 2.0 has it. */
async function askToken(server: RunningServer, { id, secret, from }: { id: string; secret: string; from?: string }) {
  const response = await fetch(new URL("oauth2/token", server.external), {
    method: "POST",
    headers: {
      authorization: `Basic ${btoa(`${id}:${secret}`)}`,
      ...from !== undefined && { "x-forwarded-for": from },
    },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  return { status: response.status, json: await response.json() };
}

/** Pushes one sample of a cluster; returns the status. */
async function push(
  server: RunningServer,
  { id, bearer, client }: { id: string; bearer?: string; client?: Deno.HttpClient },
): Promise<number> {
  const url = new URL("upload", server.external);
  url.hostname = client === undefined ? url.hostname : "localhost";
  const response = await fetch(url, {
    method: "POST",
    headers: { ...bearer !== undefined && { authorization: `Bearer ${bearer}` }, "content-type": "text/plain" },
    body: `x{_id="${id}"} 1 ${Date.now()}\n`,
    ...client && { client },
  });
  await response.body?.cancel();
  return response.status;
}

async function metric(server: RunningServer, name: string): Promise<number> {
  const text = await (await fetch(new URL("metrics", server.internal))).text();
  return Number(text.split("\n").find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? NaN);
}

Deno.test("server takes a cluster by the token of /oauth2/token, and by its initial token with its id", async () => {
  await using site = await open();
  const { server, secret } = site;
  const { status, json } = await askToken(server, { id: "mine", secret });
  assert.deepEqual([status, json.token_type, json.expires_in], [200, "Bearer", 86_400]);
  assert.equal(await push(server, { id: "mine", bearer: json.access_token }), 200);
  const composite = btoa(JSON.stringify({ authorization_token: secret, cluster_id: "mine" }));
  assert.equal(await push(server, { id: "mine", bearer: composite }), 200);
  const other = btoa(JSON.stringify({ authorization_token: secret, cluster_id: "other" }));
  assert.equal(await push(server, { id: "other", bearer: other }), 401);
  assert.equal(await push(server, { id: "other", bearer: composite }), 400, "its series are another cluster's");
  assert.equal((await askToken(server, { id: "other", secret })).json.error, "invalid_client");
  assert.equal(await metric(server, 'telemeter_oauth2_token_requests_total{result="invalid_client"}'), 1);
  assert.equal(await metric(server, 'telemeter_authentications_total{by="initial_token",result="refused"}'), 1);
  const { data } = await (await fetch(new URL("api/v1/sources/mine", server.internal))).json();
  assert.equal(data.token, undefined, "it pushed last without a token of ours");
});

Deno.test("a flood of wrong secrets from one address keeps no other from its token, and is refused at little cost", async () => {
  await using site = await open("--trusted-proxy=127.0.0.1");
  const { server, secret } = site;
  const answers = new Map<number, number>();
  const flood = Array.from({ length: 50 }, async (_, lane) => {
    for (let i = 0; i < 140; i++) {
      const { status } = await askToken(server, { id: `x${lane}`, secret: `wrong-${i}`, from: "203.0.113.9" });
      answers.set(status, (answers.get(status) ?? 0) + 1);
    }
  });
  for (let i = 0; i < 20; i++) {
    const since = performance.now();
    assert.equal((await askToken(server, { id: "mine", secret, from: `198.51.100.${i}` })).status, 200);
    const took = performance.now() - since;
    assert.ok(took < SOON_MS, `it took ${took} ms`);
  }
  await Promise.all(flood);
  assert.deepEqual([...answers.keys()].sort(), [401, 429]);
  assert.ok(server.child.lines.length < 200, `${server.child.lines.length} lines`);
});

/** A client that shows a certificate, or none. */
function clientOf(authority: CertificateAuthority, identity?: Identity): Deno.HttpClient {
  return Deno.createHttpClient({ caCerts: [authority.cert], ...identity });
}

async function secureFlags(folder: Folder, authority: CertificateAuthority, of: CertificateAuthority) {
  const { cert, key } = await authority.issue("server");
  return [
    `--tls-crt=${await folder.write("tls.crt", cert)}`,
    `--tls-key=${await folder.write("tls.key", key)}`,
    `--client-ca=${await folder.write("clients.crt", of.cert)}`,
  ];
}

Deno.test("server takes a cluster by its certificate, over its own connection alone", async () => {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const [servers, clients] = [await CertificateAuthority.create(), await CertificateAuthority.create()];
  const flags = await secureFlags(folder, servers, clients);
  const revoked = await folder.write("revoked", "gone\n");
  const storageDir = join(folder.path, "data");
  const server = stack.use(
    await startServer([...flags, `--revoked-file=${revoked}`, "--ratelimit=0"], { storageDir }),
  );
  const use = (identity?: Identity) => stack.adopt(clientOf(servers, identity), (client) => client.close());
  const mine = await clients.issue("mine");
  assert.equal(await push(server, { id: "mine", client: use(mine) }), 200);
  assert.equal(await push(server, { id: "other", client: use(mine) }), 400, "its series are another cluster's");
  assert.equal(await push(server, { id: "mine", client: use() }), 401, "no certificate");
  assert.equal(
    await push(server, { id: "mine", client: use(await servers.issue("mine")) }),
    401,
    "of another authority",
  );
  assert.equal(await push(server, { id: "gone", client: use(await clients.issue("gone")) }), 401, "revoked");
  assert.equal(await push(server, { id: "late", client: use(await clients.issue("late", { endsInMs: -1_000 })) }), 401);
  const { data } = await (await fetch(new URL("api/v1/sources/mine", server.internal))).json();
  assert.equal(data.id, "mine");

  await using trusting = await startServer([...flags, "--trusted-proxy=127.0.0.1", "--ratelimit=0"], {
    storageDir: join(folder.path, "other"),
  });
  const proxy = use(mine);
  assert.equal(await push(trusting, { id: "mine", client: proxy }), 401, "a balancer's certificate is nobody's");
});

const openssl = await runToEnd("openssl", ["version"]);

/** How often one is tried whose refusal must be seen. */
const TRIES = 5;

Deno.test({
  name: "server takes no certificate from whom its key does not belong to" +
    (openssl ? "" : " (skipped: openssl is not installed)"),
  ignore: openssl === undefined,
  fn: async () => {
    await using folder = await tempFolder();
    const authority = await CertificateAuthority.create();
    const flags = await secureFlags(folder, authority, authority);
    await using server = await startServer([...flags, "--ratelimit=0"], { storageDir: join(folder.path, "data") });
    const victim = await authority.issue("victim"), attacker = await authority.issue("attacker");
    const cert = await folder.write("victim.crt", victim.cert);
    const keys = {
      own: await folder.write("victim.key", victim.key),
      forged: await folder.write("forged.key", forgedKey(attacker.key, victim.cert)),
    };
    const body = `x{_id="victim"} 1 ${Date.now()}\n`;
    const request = await folder.write(
      "request",
      `POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: text/plain\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    const answer = async (version: string, key: string) => {
      const connect = `openssl s_client -connect ${server.external.host} -quiet ${version} -cert ${cert} -key ${key}`;
      const { output } = (await runToEnd("sh", ["-c", `${connect} < ${request}`], { timeoutMs: 30_000 }))!;
      return output;
    };
    for (const version of ["-tls1_2", "-tls1_3"]) {
      assert.match(await answer(version, keys.own), /HTTP\/1\.1 200/);
      let refused = "";
      // The end of the connection may overtake the alert, which is there the next time.
      for (let i = 0; i < TRIES && !/alert decrypt error/.test(refused); i++) {
        refused = await answer(version, keys.forged);
        assert.doesNotMatch(refused, /HTTP\/1\.1/);
      }
      assert.match(refused, /alert decrypt error/);
    }
  },
});

Deno.test("server takes up changed authorities of clients, and refuses a file that is none and a rule without a place", async () => {
  await using folder = await tempFolder();
  const [one, other] = [await CertificateAuthority.create(), await CertificateAuthority.create()];
  const flags = await secureFlags(folder, one, one), storageDir = join(folder.path, "data");
  const identity = await other.issue("cn", { uris: ["spiffe://example/cluster/mine"] });
  const rule = "--client-certificate-id=uri:spiffe://example/cluster/{id}";
  {
    await using server = await startServer([...flags, rule, "--ratelimit=0"], { storageDir });
    using before = clientOf(one, identity);
    assert.equal(await push(server, { id: "mine", client: before }), 401);
    await folder.write("clients.crt", one.cert + other.cert);
    await server.child.line(/Took up changed authorities of clients/, { timeoutMs: PATIENCE_MS });
    using after = clientOf(one, identity);
    assert.equal(await push(server, { id: "mine", client: after }), 200);
  }
  const refused = async (...more: string[]) => {
    const places = ["--listen=127.0.0.1:0", "--listen-internal=127.0.0.1:0", `--storage-dir=${storageDir}`];
    const { code, output } = await runProgram("server", [...places, ...more]);
    assert.equal(code, 2, output);
    return output;
  };
  assert.match(await refused(`--client-ca=${join(folder.path, "clients.crt")}`), /without --tls-crt and --tls-key/);
  assert.match(await refused(...flags, "--client-certificate-id=cn:id"), /with one \{id\}/);
  await folder.write("clients.crt", (await one.issue("x")).cert);
  assert.match(await refused(...flags, "--config.check"), /--client-ca .*not an authority's/);
  assert.match(await refused(...flags), /--client-ca .*not an authority's/);
});

const prometheus = await realPrometheus();

Deno.test({
  name: "Prometheus gets a token by its own `oauth2:`, and sends it" +
    (prometheus ? "" : " (skipped: none is installed)"),
  ignore: prometheus === undefined,
  fn: async () => {
    await using site = await open();
    const { folder, server, secret } = site;
    const arrived = Promise.withResolvers<string>();
    const port = freePort();
    await using _receiver = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, async (request) => {
      await request.body?.cancel();
      arrived.resolve(request.headers.get("authorization") ?? "");
      return new Response(null, { status: 204 });
    });
    const own = freePort();
    const config = `
global: { scrape_interval: 1s }
scrape_configs: [{ job_name: self, static_configs: [{ targets: ["127.0.0.1:${own}"] }] }]
remote_write:
- url: http://127.0.0.1:${port}/api/v1/write
  oauth2:
    client_id: mine
    client_secret_file: ${await folder.write("secret", secret)}
    token_url: ${new URL("oauth2/token", server.external)}
`;
    await using _prometheus = new Child({
      name: "prometheus",
      path: prometheus!,
      args: [
        `--config.file=${await folder.write("prometheus.yml", config)}`,
        `--storage.tsdb.path=${join(folder.path, "tsdb")}`,
        `--web.listen-address=127.0.0.1:${own}`,
      ],
    });
    const overdue = setTimeout(() => arrived.reject(new Error("Prometheus has sent nothing")), PATIENCE_MS);
    const [, bearer] = /^Bearer (.+)$/.exec(await arrived.promise.finally(() => clearTimeout(overdue))) ?? [];
    assert.ok(bearer, "it sends a bearer token");
    assert.equal(await push(server, { id: "mine", bearer }), 200);
    assert.equal(await metric(server, 'telemeter_oauth2_token_requests_total{result="granted"}'), 1);
  },
});
