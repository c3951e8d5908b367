/** The real client between a source and a server: which way its requests take, and whom it trusts. */

import assert from "node:assert/strict";
import { CertificateAuthority } from "../support/certificate_authority.ts";
import { startForwardProxy } from "../support/forward_proxy.ts";
import { runProgram, startClient, tempFolder } from "../support/programs.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";
import { TelemeterServer } from "../support/telemeter_server.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A source and a server, on this machine; names that end with .test lead to them through proxies alone. */
async function network() {
  const folder = await tempFolder();
  const source = new SourcePrometheus();
  const server = new TelemeterServer();
  source.up({ name: "up", type: "gauge", metrics: [{ labels: [], value: 1, timestampMs: Date.now() }] });
  return {
    folder,
    source,
    server,
    flags: ["--id=me", `--to-token-file=${await folder.write("token", "initial")}`],
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const placeOf = (url: string) => new URL(url).host;

for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY"]) {
  Deno.test(`the client pushes through ${name}, and scrapes without it`, async () => {
    await using n = await network();
    await using proxy = await startForwardProxy({ to: placeOf(n.server.url), login: "user:s3cret" });
    const env = { [name]: proxy.url.replace("//", "//user:s3cret@") };
    await using client = await startClient([`--from=${n.source.url}`, "--to=http://server.test:9003", ...n.flags], {
      env,
    });
    assert.equal((await n.server.pushes.take()).cluster, "me");
    assert.deepEqual(proxy.asked, [
      "POST http://server.test:9003/authorize?id=me",
      "POST http://server.test:9003/upload",
    ]);
    assert.doesNotMatch(client.child.lines.join("\n"), /s3cret/);
  });
}

Deno.test("the client reaches this machine directly, whatever the environment and --from say of a proxy", async () => {
  await using n = await network();
  await using proxy = await startForwardProxy({ to: "127.0.0.1:1" });
  const all = Object.fromEntries(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].map((name) => [name, proxy.url]));
  await using _client = await startClient([`--from=${n.source.url}`, `--to=${n.server.url}`, ...n.flags], { env: all });
  await n.server.pushes.take();
  assert.deepEqual(proxy.asked, []);
});

Deno.test("the client goes to a --from elsewhere directly, and to one behind --from-proxy through that", async () => {
  await using n = await network();
  await using fromProxy = await startForwardProxy({ to: placeOf(n.source.url) });
  await using other = await startForwardProxy({ to: placeOf(n.source.url) });
  const env = { HTTP_PROXY: other.url, ALL_PROXY: other.url };
  const args = ["--from=http://prometheus.test:9090", "--dry-run"];
  const direct = await runProgram("client", args, { env });
  assert.match(
    direct.output,
    /^telemeter-client: Cannot scrape http:\/\/prometheus\.test:9090\/federate: its name is not known/,
  );
  const { code, output } = await runProgram("client", [...args, `--from-proxy=${fromProxy.url}`], { env });
  assert.equal(code, 0, output);
  assert.deepEqual(fromProxy.asked, ["GET http://prometheus.test:9090/federate?match%5B%5D=%7B__name__%3D%22up%22%7D"]);
  assert.deepEqual(other.asked, []);
});

Deno.test("the client goes through --to-proxy, whatever NO_PROXY and HTTP_PROXY say", async () => {
  await using n = await network();
  await using proxy = await startForwardProxy({ to: placeOf(n.server.url) });
  const env = { HTTP_PROXY: "http://127.0.0.1:1", NO_PROXY: "*" };
  const to = ["--to=http://server.test:9003", `--to-proxy=${proxy.url}`];
  await using _client = await startClient([`--from=${n.source.url}`, ...to, ...n.flags], { env });
  await n.server.pushes.take();
  assert.equal(proxy.asked.length, 2);
});

Deno.test("the client refuses to start with a proxy of the environment that is none, without quoting it", async () => {
  await using n = await network();
  const args = [`--from=${n.source.url}`, "--to=https://server.test", ...n.flags];
  assert.deepEqual(await runProgram("client", args, { env: { HTTPS_PROXY: "ftp://user:s3cret@proxy" } }), {
    code: 2,
    output: "telemeter-client: Bad HTTPS_PROXY: Cannot read it as a proxy: " +
      "write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT",
  });
});

Deno.test("the client trusts the system's authorities beside Mozilla's, unless DENO_TLS_CA_STORE says otherwise", async () => {
  const authority = await CertificateAuthority.create();
  await using folder = await tempFolder();
  await using source = new SourcePrometheus(await authority.issue("prometheus"));
  const args = [`--from=${source.url}`, "--dry-run"];
  // Debian, Red Hat and others have their store elsewhere; this variable is how all of them are told.
  const env = {
    SSL_CERT_FILE: await folder.write("ca", authority.cert),
    SSL_CERT_DIR: folder.path,
    NODE_EXTRA_CA_CERTS: "",
  };
  assert.equal((await runProgram("client", args, { env })).code, 0);
  const { code, output } = await runProgram("client", args, { env: { ...env, DENO_TLS_CA_STORE: "mozilla" } });
  assert.equal(code, 1);
  assert.match(
    output,
    /its certificate comes from an authority that is not known here: give that authority in --from-ca-file$/,
  );
});

Deno.test("the client keeps to Mozilla's authorities where the system's cannot be read, and says so", async () => {
  await using source = new SourcePrometheus();
  const env = { SSL_CERT_FILE: "/nowhere/ca.pem", SSL_CERT_DIR: "/nowhere", NODE_EXTRA_CA_CERTS: "" };
  const { code, output } = await runProgram("client", [`--from=${source.url}`, "--dry-run"], { env });
  assert.equal(code, 0, output);
  assert.match(
    output,
    /level=warning .*msg="Cannot read the system's certificate authorities: trusts Mozilla's alone"/,
  );
});
