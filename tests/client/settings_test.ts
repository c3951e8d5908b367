import assert from "node:assert/strict";
import { CLIENT_PROGRAM } from "../../client/options.ts";
import { loadSettings, type Settings } from "../../client/settings.ts";
import { UsageError } from "../../common/options.ts";
import { parseOptions } from "../support/parse_options.ts";
import { Account } from "../../client/transforms/pipeline.ts";
import { recordingLog } from "../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = 1_700_000_000_000;
const FROM = ["--from", "http://source:9090"];
const TO = [...FROM, "--to", "http://server:9003", "--id", "me", "--to-token", "initial"];

/** Loads what a command line says; `{name}` in it is a file of the given texts. */
async function load(args: string[], files: Record<string, string> = {}): Promise<Settings> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${directory}/${name}`, text);
    const parsed = await parseOptions(CLIENT_PROGRAM, args.map((arg) => arg.replace(/\{(\w+)\}$/, `${directory}/$1`)));
    assert.ok("values" in parsed);
    return await loadSettings(parsed.values, { log: recordingLog().log, now: () => NOW });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const froms: [given: string, read: string][] = [
  ["http://source:9090", "http://source:9090/federate"],
  ["http://source:9090/", "http://source:9090/federate"],
  ["http://source:9090?a=b", "http://source:9090/federate?a=b"],
  ["https://source/prometheus/federate/", "https://source/prometheus/federate"],
  ["https://source/other?match[]=up", "https://source/other?match[]=up"],
];

for (const [given, read] of froms) {
  Deno.test(`loadSettings() reads --from ${given} at ${read}`, async () => {
    assert.equal((await load([...TO, "--from", given])).from.href, read);
  });
}

const uploads: [args: string[], upload: string][] = [
  [["--to", "http://server:9003"], "http://server:9003/upload"],
  [["--to", "http://server:9003/"], "http://server:9003/upload"],
  [["--to", "http://server/base/?a=b"], "http://server/base/upload?a=b"],
  [["--to", "http://server", "--to-upload", "http://other/put?x=y"], "http://other/put?x=y"],
  [["--to-auth", "http://server/a", "--to-upload", "http://other/put"], "http://other/put"],
  [["--to", "http://server/base/?a=b", "--remote-write"], "http://server/base/api/v1/write?a=b"],
  [["--to", "http://server", "--to-upload", "http://other/put", "--remote-write"], "http://other/put"],
];

for (const [args, upload] of uploads) {
  Deno.test(`loadSettings() pushes to ${upload} for ${args.join(" ")}`, async () => {
    const settings = await load([...FROM, "--id", "me", "--to-token", "initial", ...args]);
    assert.equal(settings.upload?.href, upload);
    assert.notEqual(settings.exchange, undefined);
  });
}

Deno.test("loadSettings() sends the token itself to a receiver of remote write that exchanges none", async () => {
  const { upload, exchange, toToken } = await load([
    ...[...FROM, "--remote-write", "--to-upload", "http://someone@receiver/api/v1/push", "--to-token", "t"],
  ]);
  assert.equal(exchange, undefined);
  assert.equal(await toToken?.value(), "t");
  assert.equal(upload?.username, "someone");
  const toServer = await load([...TO, "--remote-write"]);
  assert.equal(toServer.toToken, undefined);
  assert.notEqual(toServer.exchange, undefined);
});

Deno.test("loadSettings() needs neither token nor exchange for --to-upload alone", async () => {
  const { upload, exchange } = await load([...FROM, "--to-upload", "http://server/upload"]);
  assert.equal(upload?.href, "http://server/upload");
  assert.equal(exchange, undefined);
});

Deno.test("loadSettings() needs no server for a dry run", async () => {
  assert.equal((await load([...FROM, "--dry-run"])).upload, undefined);
});

const matches: [args: string[], file: string | undefined, matches: string[]][] = [
  [[], undefined, ['{__name__="up"}']],
  [["--match", "a", "--match", 'b{c="d,e"}'], undefined, ["a", 'b{c="d,e"}']],
  [[], '# a comment\n\n  {__name__="x"}  \r\nb\n', ['{__name__="up"}', '{__name__="x"}', "b"]],
  [["--match", "a"], "b", ["a", "b"]],
  [["--match="], "b", ["b"]],
];

for (const [args, file, selectors] of matches) {
  Deno.test(`loadSettings() reads ${selectors} for ${JSON.stringify(args)} and a file ${JSON.stringify(file)}`, async () => {
    const settings = file === undefined
      ? await load([...TO, ...args])
      : await load([...TO, ...args, "--match-file", "{m}"], { m: file });
    assert.deepEqual(settings.matches, selectors);
  });
}

const bad: [args: string[], message: RegExp, files?: Record<string, string>][] = [
  [FROM, /^Cannot start without a place to push to: give --to, or --to-upload and --to-auth$/],
  [[...FROM, "--to", "http://server"], /^Cannot push without a token: give one in --to-token-file$/],
  [
    [...FROM, "--to", "http://server", "--to-token", "t"],
    /^Cannot exchange the token without an identifier: give --id$/,
  ],
  [
    [...FROM, "--remote-write", "--to-upload", "http://someone@s/"],
    /^Bad --to-upload: Cannot log in without a token: give one in --to-token-file$/,
  ],
  [
    [...FROM, "--remote-write", "--to-upload", "http://someone@s/", "--to", "http://t", "--to-token", "t"],
    /^Bad --to-upload: Cannot log in with a user name: give a token in --to-token-file$/,
  ],
  [
    [...FROM, "--to-upload", "http://s/", "--to-token", "t"],
    /^Cannot exchange the token without knowing where: give --to-auth$/,
  ],
  [
    [...TO, "--to", "http://user:word@server"],
    /^Bad --to: Cannot log in with a user name: give a token in --to-token-file$/,
  ],
  [[...TO, "--interval", "0"], /^Bad --interval: Cannot use '0': write a duration longer than 0, as in 10m$/],
  [[...TO, "--interval", "25h"], /^Bad --interval: Cannot wait 25h: write at most 24h$/],
  [[...TO, "--timeout", "0s"], /^Bad --timeout: Cannot use '0s': write /],
  [[...TO, "--limit-bytes", "0"], /^Bad --limit-bytes: Cannot use '0': write a whole number from 1024 up$/],
  [[...TO, "--match", "a{"], /^Bad --match: /],
  [[...TO, "--match="], /^Cannot read anything without a selector: give --match or --match-file$/],
  [[...TO, "--match-file", "{m}"], /^Bad --match-file '\S+\/m': Line 3: Cannot read 'a\{' /, { m: "a\n\na{\n" }],
  [[...TO, "--match-file", "{none}"], /^Bad --match-file: .*none/],
  [[...TO, "--label", `${"a".repeat(256)}=c`], /^Bad --label: Cannot set 'a+': it is not a valid label name$/],
  [[...TO, "--label", "__name__=c"], /^Bad --label: Cannot set '__name__'/],
  [[...TO, "--label", `a=${"x".repeat(256)}`], /^Bad --label: Cannot set 'a': its value is longer than 255 bytes$/],
  [[...TO, "--label", "a"], /^Bad --label: Cannot read 'a' as a pair/],
  [[...TO, "--rename", "a="], /^Bad --rename: Cannot rename 'a': '' is not a valid metric name$/],
  [[...TO, "--rename", `a=${"b".repeat(256)}`], /^Bad --rename: Cannot rename 'a'/],
  [[...TO, "--anonymize-labels", "a"], /^Cannot anonymize labels without a salt: give one in --anonymize-salt-file$/],
  [
    [...TO, "--anonymize-labels", "__name__", "--anonymize-salt", "s"],
    /^Bad --anonymize-labels: Cannot anonymize '__name__'/,
  ],
  [[...TO, "--anonymize-salt-file", "{salt}"], /^Bad --anonymize-salt-file: .* is empty: write the secret there$/, {
    salt: "\n",
  }],
  [[...TO, "--from-token-file", "{none}"], /^Bad --from-token-file: .*none/],
  [
    [...TO, "--from-ca-file", "{ca}"],
    /^Bad --from-ca-file '\S+\/ca': it holds no certificate in PEM: name a file that has a line -----BEGIN CERTIFICATE-----$/,
    { ca: "junk" },
  ],
  [
    [...TO, "--from", "http://localhost:9090", "--from-proxy", "http://proxy"],
    /^Cannot use --from-proxy: --from is this machine itself, which is reached without a proxy$/,
  ],
  [
    [...TO, "--to", "http://[::1]:9003", "--to-proxy", "http://proxy"],
    /^Cannot use --to-proxy: --to is this machine itself, which is reached without a proxy$/,
  ],
  [
    [...TO, "--to-proxy", "ftp://user:word@proxy"],
    /^Bad --to-proxy: Cannot read it as a proxy: write http:\/\/HOST:PORT, /,
  ],
  [
    [...TO, "--match", `{job="${"€".repeat(9_000)}"}`],
    /^Bad --match: Cannot ask for '\{job="€{54}…': its URL is longer than 60000 bytes: write several selectors instead$/,
  ],
  [[...TO, "--to-ca-file", "{none}"], /^Bad --to-ca-file: .*none/],
  [
    [...TO, "--tls-cert-file", "{none}"],
    /^Cannot use one of --tls-cert-file and --tls-private-key-file without the other/,
  ],
];

for (const [args, message, files] of bad) {
  Deno.test(`loadSettings() refuses ${args.slice(FROM.length).join(" ").slice(0, 120)}`, async () => {
    await assert.rejects(load(args, files), (error) => {
      assert.ok(error instanceof UsageError, String(error));
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n|word/);
      return true;
    });
  });
}

/** What the rules make of one sample that every one of them changes. */
async function ruled(args: string[]) {
  const { rules } = await load([...TO, ...args]);
  const labels = [{ name: "pod", value: "value" }, { name: "long", value: "x".repeat(256) }];
  const transform = await rules();
  return transform([
    { name: "ALERTS", type: "untyped", metrics: [{ labels, value: 1, timestampMs: NOW }] },
  ], new Account());
}

Deno.test("loadSettings() chains the rules: label, rename, remove long labels, sort, anonymize", async () => {
  const args = ["--label", "zone=value", "--anonymize-labels", "pod,zone", "--anonymize-salt", "salt"];
  // printf %s saltvalue | sha256sum | cut -c1-18 | xxd -r -p | base64 | tr +/ -_
  const hash = "1DCh2jCv4anQ";
  assert.deepEqual(await ruled(args), [{
    name: "alerts",
    type: "untyped",
    metrics: [{
      labels: [{ name: "pod", value: hash }, { name: "zone", value: hash }],
      value: 1,
      timestampMs: NOW,
    }],
  }]);
});

Deno.test("loadSettings() takes the salt of the command line as it is, white space included", async () => {
  const args = ["--anonymize-labels", "pod", "--anonymize-salt", " salt"];
  // printf %s ' saltvalue' | sha256sum | cut -c1-18 | xxd -r -p | base64 | tr +/ -_
  assert.equal((await ruled(args))[0].metrics[0].labels[0].value, "OgerCz8xNPi0");
});

Deno.test("loadSettings() has an empty --rename clear the default, and another one replace it", async () => {
  for (const none of ["--rename=", "--rename=,"]) {
    assert.deepEqual((await ruled([none])).map(({ name }) => name), ["ALERTS"]);
  }
  assert.deepEqual((await ruled(["--rename", "a=b"])).map(({ name }) => name), ["ALERTS"]);
});

Deno.test("Settings.rules() take up a salt that changed", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/salt`;
    await Deno.writeTextFile(path, "salt\n");
    const parsed = await parseOptions(CLIENT_PROGRAM, [
      ...TO,
      "--anonymize-labels",
      "pod",
      "--anonymize-salt-file",
      path,
    ]);
    assert.ok("values" in parsed);
    const { rules } = await loadSettings(parsed.values, { log: recordingLog().log, now: () => NOW });
    const hashOf = async (value: string) => {
      const metrics = [{ labels: [{ name: "pod", value }], value: 1, timestampMs: NOW }];
      return (await rules())([{ name: "up", type: "gauge", metrics }], new Account())[0].metrics[0].labels[0].value;
    };
    assert.equal(await hashOf("kube-system"), "m0Gh0iMBR5Zq");
    await Deno.writeTextFile(`${directory}/new`, "pepper");
    await Deno.rename(`${directory}/new`, path);
    assert.equal(await hashOf("kube-system"), "0j9ZAt9C7bbW");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
