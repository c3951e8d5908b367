import assert from "node:assert/strict";
import { UsageError } from "../../../common/options.ts";
import { noProxy } from "../../../common/outgoing/proxy_rule.ts";
import { readProxyServer } from "../../../common/outgoing/proxy_server.ts";
import { issueCertificate, makeAuthority } from "../../../scripts/certificates/issue_certificate.ts";
import { reportCertificates, usedCertificates } from "../../../server/certificates.ts";
import { openSinks, type SinkFlags } from "../../../server/sinks/sink_settings.ts";
import { tenantOf, tenantPattern } from "../../../server/sinks/tenants.ts";
import { tempFolder } from "../../support/programs.ts";
import { recordingLog } from "../../support/recording_log.ts";
import { SinkReceiver } from "../../support/sink_receiver.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NONE: SinkFlags = {
  forwardUrl: [],
  forwardTenantHeader: "X-Scope-OrgID",
  forwardTenant: undefined,
  forwardCaFile: undefined,
  forwardCertFile: undefined,
  forwardKeyFile: undefined,
  forwardTokenFile: undefined,
  forwardPasswordFile: undefined,
  forwardOauthUrl: undefined,
  forwardOauthClientId: undefined,
  forwardOauthSecretFile: undefined,
  forwardOauthScope: undefined,
};
const SINK = new URL("https://sink.example/write");
const USER = new URL("https://me@sink.example/write");
const OAUTH = { forwardOauthUrl: SINK, forwardOauthClientId: "me" };
const { log } = recordingLog();
const open = (flags: Partial<SinkFlags>) => openSinks({ ...NONE, ...flags }, { proxyFor: noProxy, log });

Deno.test("openSinks() opens nothing where nothing is forwarded", async () => {
  assert.equal(await open({}), undefined);
});

Deno.test("openSinks() calls a sink by its URL without what may be secret", async () => {
  using sinks = await open({ forwardUrl: [new URL("https://me:secret@sink.example/write?key=secret#secret")] });
  assert.deepEqual(sinks?.places.map(({ name }) => name), ["https://sink.example/write"]);
});

for (
  const [what, flags, fault] of [
    ["a token without a sink", { forwardTokenFile: "token" }, /--forward-token-file without --forward-url/],
    ["a sink twice", { forwardUrl: [SINK, SINK] }, /twice/],
    ["a certificate without its key", { forwardUrl: [SINK], forwardCertFile: "crt" }, /without the other/],
    ["half of OAuth", { forwardUrl: [SINK], forwardOauthUrl: SINK }, /without all of --forward-oauth-url/],
    ["a scope alone", { forwardUrl: [SINK], forwardOauthScope: "a" }, /without all of --forward-oauth-url/],
    ["a password of nobody", { forwardUrl: [SINK], forwardPasswordFile: "password" }, /without a user name/],
    ["a bad header", { forwardUrl: [SINK], forwardTenantHeader: "a b" }, /--forward-tenant-header/],
    [
      "a user beside a token",
      { forwardUrl: [new URL("https://me@sink.example/")], forwardTokenFile: "token" },
      /beside a token/,
    ],
  ] as [string, Partial<SinkFlags>, RegExp][]
) {
  Deno.test(`openSinks() refuses ${what}`, async () => {
    await assert.rejects(open(flags), (error) => error instanceof UsageError && fault.test(error.message));
  });
}

for (
  const [flag, flags] of [
    ["--forward-ca-file", (forwardCaFile) => ({ forwardCaFile })],
    ["--forward-cert-file", (forwardCertFile) => ({ forwardCertFile, forwardKeyFile: "deno.json" })],
    ["--forward-key-file", (forwardKeyFile) => ({ forwardCertFile: "deno.json", forwardKeyFile })],
    ["--forward-token-file", (forwardTokenFile) => ({ forwardTokenFile })],
    ["--forward-password-file", (forwardPasswordFile) => ({ forwardUrl: [USER], forwardPasswordFile })],
    ["--forward-oauth-secret-file", (forwardOauthSecretFile) => ({ ...OAUTH, forwardOauthSecretFile })],
  ] as [string, (path: string) => Partial<SinkFlags>][]
) {
  Deno.test(`openSinks() names ${flag} and its file where that is not there or empty`, async () => {
    await using folder = await tempFolder();
    const empty = await folder.write("empty", " \n"), nowhere = `${empty}-not`;
    const rows: [path: string, message: string | RegExp][] = [[
      empty,
      new RegExp(`^Bad ${flag} '${empty}': it holds no[^:]+: `),
    ], [
      nowhere,
      `Bad ${flag}: Cannot read '${nowhere}': there is no such file: make it, or name another`,
    ]];
    for (const [path, message] of rows) {
      await assert.rejects(open({ forwardUrl: [SINK], ...flags(path) }), { name: "UsageError", message });
    }
  });
}

Deno.test("openSinks() names the file of certificates that is at fault, or that the key belongs to another one", async () => {
  await using folder = await tempFolder();
  const authority = await makeAuthority();
  const [one, other] = await Promise.all(
    ["one", "other"].map((name) => issueCertificate(name, { authority, hosts: [], days: 1 })),
  );
  const cert = await folder.write("crt", one.cert), key = await folder.write("key", one.key);
  const odd = await folder.write("odd", "no PEM"), alien = await folder.write("alien", other.key);
  const rows: [Partial<SinkFlags>, RegExp][] = [
    [{ forwardCaFile: odd }, /^Bad --forward-ca-file '.*\/odd': /],
    [{ forwardCertFile: odd, forwardKeyFile: key }, /^Bad --forward-cert-file '.*\/odd': /],
    [{ forwardCertFile: cert, forwardKeyFile: odd }, /^Bad --forward-key-file '.*\/odd': /],
    [
      { forwardCertFile: cert, forwardKeyFile: alien },
      /^Bad --forward-key-file '.*\/alien': it does not belong to the certificate of --forward-cert-file$/,
    ],
  ];
  for (const [flags, message] of rows) {
    await assert.rejects(open({ forwardUrl: [SINK], ...flags }), { name: "UsageError", message });
  }
  using sinks = await open({ forwardUrl: [SINK], forwardCertFile: cert, forwardKeyFile: key });
  assert.equal(sinks?.places.length, 1);
  const certificates = usedCertificates({
    tls: undefined,
    clientCa: undefined,
    internalTls: undefined,
    ring: undefined,
    sinks,
  }, {});
  const [{ flag, file, endsMs }, ...more] = reportCertificates(certificates);
  assert.deepEqual([flag, file, endsMs > Date.now(), more.length], ["--forward-cert-file", cert, true, 0]);
});

Deno.test("openSinks() says what is wrong with a connection, and keeps what the platform says as the cause", async () => {
  // A port that was free a moment ago.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  using sinks = await open({ forwardUrl: [new URL(`http://127.0.0.1:${port}/`)] });
  const [{ send }] = sinks!.places;
  await assert.rejects(
    send(Uint8Array.of(0), { version: "2.0", signal: new AbortController().signal }),
    ({ message, cause }) => message !== "" && cause instanceof TypeError && cause.message !== message,
  );
});

Deno.test("tenantPattern reads what a header can have, and refuses a placeholder that it does not know", () => {
  for (const pattern of ["a", "{id}", "t-{id}", "a{", "{{id}}"]) assert.equal(tenantPattern.read([pattern]), pattern);
  for (const pattern of ["a b", "ü", "a".repeat(151)]) {
    assert.throws(() => tenantPattern.read([pattern]), /^SyntaxError: Cannot use '.*' as a tenant: write /);
  }
  for (const pattern of ["{cluster}", "{id}-{ID}", "{}"]) {
    assert.throws(
      () => tenantPattern.read([pattern]),
      /Cannot use \{\w*\} in '.*': write \{id\}, which stands for the clus/,
    );
  }
});

Deno.test("tenantOf() puts the id in its place, and has no tenant for an id that no header can have", () => {
  const of = tenantOf("t-{id}");
  assert.equal(of("a"), "t-a");
  for (const id of ["a b", "a\nb", "ü", "a".repeat(200)]) assert.equal(of(id), undefined);
});

for (
  const [what, flags, authorization] of [
    ["a token", { forwardTokenFile: "secret" }, "Bearer geheim"],
    ["a password", { forwardPasswordFile: "secret" }, `Basic ${btoa("me:geheim")}`],
  ] as const
) {
  Deno.test(`openSinks() shows a sink ${what} from a file, and never in its name`, async () => {
    await using folder = await tempFolder();
    await using receiver = new SinkReceiver();
    const path = await folder.write("secret", "geheim\n");
    const url = receiver.url;
    if ("forwardPasswordFile" in flags) url.username = "me";
    using sinks = await open({
      forwardUrl: [url],
      ...Object.fromEntries(Object.keys(flags).map((name) => [name, path])),
    });
    const [{ send, name }] = sinks!.places;
    // A block of snappy that holds nothing.
    const body = Uint8Array.of(0);
    await send(body, { version: "2.0", signal: new AbortController().signal });
    assert.equal(receiver.visits[0].headers.get("authorization"), authorization);
    assert.ok(!name.includes("me@"));
  });
}

for (
  const [what, flags, userinfo, proxyLogin] of [
    ["a token", { forwardTokenFile: "the-secret" }, "", ""],
    ["a password of a file", { forwardPasswordFile: "the-secret" }, "me@", ""],
    ["a password of its URL", {}, "me:the-secret@", ""],
    ["a part of its query", {}, "", ""],
    ["the login of a proxy", {}, "", "me:the-secret@"],
  ] as [string, Partial<SinkFlags>, string, string][]
) {
  Deno.test(`SinkConnection strikes ${what} out of what a sink repeats of it`, async () => {
    await using folder = await tempFolder();
    const files = Object.fromEntries(
      await Promise.all(
        Object.entries(flags).map(async ([flag, text]) => {
          const path = `${folder.path}/${flag}`;
          await Deno.writeTextFile(path, `${text}`, { mode: 0o600 });
          return [flag, path];
        }),
      ),
    );
    const repeat = async (request: Request) => {
      const { headers, url } = request;
      await request.body?.cancel();
      const shown = ["authorization", "proxy-authorization"].map((name) => headers.get(name) ?? "none");
      return new Response(`You showed ${shown.join()} to ${url}: the-secret`, { status: 400 });
    };
    await using sink = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, repeat);
    const server = readProxyServer(`http://${proxyLogin}127.0.0.1:${sink.addr.port}`);
    const proxyFor = () => proxyLogin === "" ? undefined : { ...server, namedBy: "HTTP_PROXY" };
    const query = what === "a part of its query" ? "?key=the-secret" : "";
    const place = `http://${userinfo}127.0.0.1:${sink.addr.port}/write${query}`;
    using sinks = await openSinks({ ...NONE, ...files, forwardUrl: [new URL(place)] }, { proxyFor, log });
    const { signal } = new AbortController();
    const { response, said } = await sinks!.places[0].send(new Uint8Array([1]), { version: "2.0", signal });
    assert.deepEqual([response.status, said.startsWith("You showed")], [400, true]);
    for (const secret of ["the-secret", new TextEncoder().encode("me:the-secret").toBase64()]) {
      assert.ok(!said.includes(secret), said);
    }
  });
}
