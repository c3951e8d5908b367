import assert from "node:assert/strict";
import { Configuration } from "../../common/configuration.ts";
import { reportOptions } from "../../common/option_report.ts";
import { flagOf, type Program } from "../../common/options.ts";
import { SERVER_OPTIONS, SERVER_PROGRAM } from "../../server/options.ts";
import { tempFolder } from "../support/programs.ts";

async function report(...args: string[]) {
  const configuration = await Configuration.read(SERVER_PROGRAM as Program<typeof SERVER_OPTIONS>, args);
  assert.ok("values" in configuration);
  const { values } = configuration, originOf = (name: string) => configuration.originOf(name);
  return new Map(reportOptions(SERVER_OPTIONS, { values, originOf }).map(({ flag, ...rest }) => [flag, rest]));
}

Deno.test("reportOptions() reports on every option, those without a value too, and says where each is said", async () => {
  await using folder = await tempFolder();
  const config = await folder.write("server.yml", "ttl: 20m\nlimit-series: 7\nweb.enable-admin-api: true\n");
  const all = await report(`--config.file=${config}`, "--limit-series=8", "--ratelimit=4m30s", "--require-tls");
  assert.deepEqual([...all.keys()], Object.keys(SERVER_OPTIONS).map(flagOf));
  assert.deepEqual(all.get("--ttl"), { value: "20m", from: "file" });
  assert.deepEqual(all.get("--limit-series"), { value: "8", from: "command line" });
  assert.deepEqual(all.get("--ratelimit"), { value: "4m30s", from: "command line" });
  assert.deepEqual(all.get("--require-tls"), { value: "true", from: "command line" });
  assert.deepEqual(all.get("--web.enable-admin-api"), { value: "true", from: "file" });
  assert.deepEqual(all.get("--revoked-shown"), { value: "false", from: "default" });
  assert.deepEqual(all.get("--directory-retention"), { value: "168h", from: "default" });
  assert.deepEqual(all.get("--tls-crt"), { from: "default" });
  assert.deepEqual(all.get("--whitelist"), { value: "", from: "default" });
});

Deno.test("reportOptions() shows the path of a URL, by which two on one host are told apart, and not its query", async () => {
  const all = await report("--forward-url=https://sink/a/write?tenant=me", "--forward-url=https://sink/b/write");
  assert.deepEqual(all.get("--forward-url"), {
    value: "https://sink/a/write, https://sink/b/write",
    from: "command line",
  });
});

Deno.test("reportOptions() says of a secret that there is one, and where it is said", async () => {
  const all = await report("--authorize=https://me:hunter2@host/", "--authorize-password=hunter2");
  assert.deepEqual(all.get("--authorize"), { value: "(secret)", from: "command line" });
  assert.deepEqual(all.get("--authorize-password"), { value: "(secret)", from: "command line" });
  assert.deepEqual(all.get("--authorize-client-id"), { from: "default" });
});
