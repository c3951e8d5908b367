import assert from "node:assert/strict";
import { UsageError } from "../../../common/options.ts";
import { noProxy } from "../../../common/outgoing/proxy_rule.ts";
import { openSinks, type SinkFlags, tenantOf } from "../../../server/sinks/sink_settings.ts";
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
    ["a bad tenant", { forwardUrl: [SINK], forwardTenant: "a b" }, /--forward-tenant/],
    ["a file that is not there", { forwardUrl: [SINK], forwardTokenFile: "/nowhere/token" }, /no such file/],
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
    const response = await send(body, { version: "2.0", signal: new AbortController().signal });
    await response.body?.cancel();
    assert.equal(receiver.visits[0].headers.get("authorization"), authorization);
    assert.ok(!name.includes("me@"));
  });
}
