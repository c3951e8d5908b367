import assert from "node:assert/strict";
import { UsageError } from "../../common/options.ts";
import { parseOptions } from "../support/parse_options.ts";
import { SERVER_PROGRAM } from "../../server/options.ts";
import { loadSettings, type ServerSettings } from "../../server/settings.ts";
import { makeCertificate } from "../support/certificates.ts";
import { ecKeys } from "../support/jwt.ts";
import { recordingLog } from "../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const { cert, key } = await makeCertificate("localhost");
const FILES: Readonly<Record<string, string>> = {
  ca: cert,
  crt: cert,
  key,
  garbled: `${cert}\n${cert.slice(0, 100)}`,
  marked: `\ufeff${cert}`,
  token: ecKeys().pem,
  list: '# Kept\nup\n{a=~"b.*"}\n',
  bad: "up{",
  comments: "# none yet\n\n",
  ids: "a\nb\n",
  quoted: '"a\n',
  password: "secret\n",
};

/** Loads what a command line says; `{name}` in it stands for the path of one of the files. */
async function load(...args: string[]): Promise<ServerSettings> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(FILES)) await Deno.writeTextFile(`${directory}/${name}`, text);
    const parsed = await parseOptions(SERVER_PROGRAM, args.map((arg) => arg.replace(/\{(\w+)\}$/, `${directory}/$1`)));
    assert.ok("values" in parsed);
    return await loadSettings(parsed.values, { log: recordingLog().log });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const RING = [
  "--listen-cluster=127.0.0.1:9006",
  ...["--cluster-ca={ca}", "--cluster-crt={crt}", "--cluster-key={key}", "--shared-key={token}"],
];

Deno.test("loadSettings() has a server stand alone, take any token and need no permission by default", async () => {
  const { ring, revoked, upstream, tls, internalTls, storage, rules, permissions } = await load();
  assert.deepEqual([ring, revoked, upstream, tls, internalTls], Array(5).fill(undefined));
  assert.deepEqual(storage, { place: { dir: "data/" } });
  assert.equal(rules.allow, undefined);
  assert.deepEqual(rules.limits, { maxFamilies: 5_000, maxSeries: 50_000, maxLabels: 64 });
  assert.deepEqual(permissions, []);
});

Deno.test("loadSettings() reads the files that options name", async () => {
  const settings = await load(
    ...["--whitelist=down", "--whitelist-file={list}", "--revoked-file={ids}", "--shared-key={token}"],
    ...["--tls-crt={crt}", "--tls-key={key}", "--verify-key={crt}"],
    ...["--authorize=http://upstream/", "--authorize-issuer-url=http://issuer/", "--authorize-username=me"],
    ...["--authorize-client-id=us", "--authorize-password-file={password}"],
  );
  for (const [name, verdict] of [["down", "all"], ["up", "all"]] as const) {
    assert.equal(settings.rules.allow?.verdict(name), verdict, name);
  }
  assert.equal(typeof settings.rules.allow?.verdict("other"), "object");
  assert.equal(settings.revoked?.size, 2);
  assert.match(settings.tls?.certPath ?? "", /\/crt$/);
  assert.match(settings.tls?.keyPath ?? "", /\/key$/);
  assert.deepEqual([settings.upstream?.url.href, settings.upstream?.access !== undefined], ["http://upstream/", true]);
  assert.equal(settings.keys.verifying.length, 2);
  assert.deepEqual(settings.permissions, ["net", "read"]);
});

Deno.test("loadSettings() makes a member of a ring, by the first name of its certificate", async () => {
  const { ring, storage } = await load(...RING, "--storage-url=https://kv/", "--join=b:1", "--join=[::1]:2");
  assert.ok(ring);
  const { files, ...rest } = ring;
  assert.deepEqual(rest, {
    name: "localhost",
    ringName: "telemeter",
    listen: { hostname: "127.0.0.1", port: 9006 },
    advertise: { hostname: "127.0.0.1", port: 9006 },
    seeds: [{ hostname: "b", port: 1 }, { hostname: "::1", port: 2 }],
    isWitness: false,
    bootstraps: false,
    copies: 2,
    peerAllow: undefined,
    limitBytes: 512_000,
  });
  assert.deepEqual(Object.keys(files), ["caPath", "certPath", "keyPath"]);
  assert.deepEqual(storage, {
    place: { url: new URL("https://kv/"), environment: {} },
    namespace: "telemeter localhost",
  });
});

Deno.test("loadSettings() takes the name out of a certificate behind a byte order mark, as listeners do", async () => {
  const { ring } = await load(...RING, "--cluster-crt={marked}");
  assert.equal(ring?.name, "localhost");
});

Deno.test("loadSettings() lets a member say who it is, where it is and whom it lets in", async () => {
  const { ring } = await load(...RING, "--name=a", "--advertise-cluster=a.example:7", "--peer-allow=b,c");
  assert.deepEqual(
    [ring?.name, ring?.advertise, ring?.peerAllow],
    ["a", { hostname: "a.example", port: 7 }, new Set(["b", "c"])],
  );
});

Deno.test("loadSettings() gives a server alone the common namespace of a remote store", async () => {
  const { storage, permissions } = await load("--storage-url=https://kv/");
  assert.deepEqual(storage, { place: { url: new URL("https://kv/"), environment: {} }, namespace: undefined });
  assert.deepEqual(permissions, ["net"]);
});

Deno.test("loadSettings() lets a member be a witness of others that it lists", async () => {
  const { ring } = await load(...RING, "--witness", "--join=b:1");
  assert.equal(ring?.isWitness, true);
  for (const [flags, why] of [[[], /without --join/], [["--join=b:1", "--bootstrap"], /beside --bootstrap/]] as const) {
    await assert.rejects(load(...RING, "--witness", ...flags), { name: "UsageError", message: why });
  }
});

const WITHOUT_RING = [
  "--join=a:1",
  "--bootstrap",
  "--witness",
  "--name=a",
  "--advertise-cluster=a:1",
  "--peer-allow=a",
];

Deno.test("loadSettings() takes an empty value for no flag, as openshift/telemeter does", async () => {
  const empty = [
    "tls-crt",
    "tls-key",
    "internal-tls-crt",
    "internal-tls-key",
    "listen-cluster",
    "advertise-cluster",
    "join",
  ];
  const oidc = ["issuer-url", "username", "password", "password-file", "client-id"].map((name) => `authorize-${name}`);
  const rest = ["name", "cluster-ca", "cluster-crt", "cluster-key", "shared-key", "verify-key", "storage-url"];
  const labels = ["required-label", "label", "elide-label"];
  const { ring, upstream, tls, internalTls, storage, permissions } = await load(
    ...[...empty, ...oidc, ...rest, ...labels].map((name) => `--${name}=`),
  );
  assert.deepEqual([ring, upstream, tls, internalTls], Array(4).fill(undefined));
  assert.deepEqual([storage, permissions], [{ place: { dir: "data/" } }, []]);
  const { upstream: alone } = await load("--authorize=http://upstream/", "--authorize-issuer-url=");
  assert.deepEqual([alone?.url.href, alone?.access], ["http://upstream/", undefined]);
});

Deno.test("loadSettings() counts the age of samples from their timestamps unless told otherwise", async () => {
  assert.equal((await load()).rules.honorTimestamps, true);
  assert.equal((await load("--honor-timestamps")).rules.honorTimestamps, true);
  assert.equal((await load("--honor-timestamps=false")).rules.honorTimestamps, false);
});

for (
  const [args, sentence] of [
    [
      ["--authorize="],
      /^Bad --authorize: Cannot use an empty value, which would let anybody push as any cluster: leave /,
    ],
    [
      ["--revoked-file="],
      /^Bad --revoked-file: Cannot use an empty value, which would let in every cluster that is rev/,
    ],
    [
      ["--whitelist="],
      /^Bad --whitelist: Cannot use an empty value, which would keep every series: leave the flag out /,
    ],
    [["--whitelist-file="], /^Bad --whitelist-file: Cannot use an empty value, which would keep every series: leave /],
    [["--peer-allow="], /^Bad --peer-allow: Cannot use an empty value, which would let in every server whose certifi/],
    [["--peer-allow=,"], /^Bad --peer-allow: Cannot use an empty value, which would let in every server whose certifi/],
    [["--partition-label="], /^Bad --partition-label: Cannot use an empty value: leave the flag out for _id$/],
    [["--storage-dir="], /^Bad --storage-dir: Cannot use an empty value: leave the flag out for data\/$/],
    [["--listen="], /^Bad --listen: Cannot use an empty value: leave the flag out for 0\.0\.0\.0:9003$/],
    [["--limit-series="], /^Bad --limit-series: Cannot use an empty value: leave the flag out for 50000$/],
    [["--honor-timestamps="], /^Bad --honor-timestamps: Cannot read '' as a switch: write true or false$/],
    [["--token-expire-seconds=0"], /^Bad --token-expire-seconds: /],
    [[`--required-label=kind=${"x".repeat(256)}`], /^Bad --required-label: the value of kind /],
    [["--whitelist-file={bad}"], /^Bad --whitelist-file '.*\/bad': Line 1: /],
    [
      ["--whitelist-file={none}"],
      /^Bad --whitelist-file: Cannot read '.*\/none': there is no such file: make it, or name another$/,
    ],
    [
      ["--whitelist-file={comments}"],
      /^Bad --whitelist-file '.*\/comments': it holds no selector, which would keep every/,
    ],
    [
      ["--revoked-file={none}"],
      /^Bad --revoked-file: Cannot read '.*\/none': there is no such file: make it, or name another$/,
    ],
    [
      ["--shared-key={none}"],
      /^Bad --shared-key: Cannot read '.*\/none': there is no such file: make it, or name another$/,
    ],
    [
      ["--verify-key={none}"],
      /^Bad --verify-key: Cannot read '.*\/none': there is no such file: make it, or name another$/,
    ],
    [["--revoked-file={quoted}"], /^Bad --revoked-file '.*\/quoted': .* line 1 /],
    [["--shared-key={list}"], /^Bad --shared-key '.*\/list': /],
    [["--tls-crt={crt}"], /^Cannot use one of --tls-crt and --tls-key without the other/],
    [["--internal-tls-key={key}"], /^Cannot use one of --internal-tls-crt and --internal-tls-key without the other/],
    [
      ["--elide-label=_id"],
      /^Bad --elide-label: Cannot remove the label '_id', as tokens vouch for it by --partition-label: leave it out$/,
    ],
    [
      ["--required-label=kind=a", "--label=kind=b"],
      /^Bad --label: Cannot set the label 'kind', as tokens vouch for it by --required-label: leave it out$/,
    ],
    [["--label=__name__=a"], /^Bad --label: Cannot use '__name__' as the name of a label: write /],
    [
      ["--required-label=a=b", "--limit-labels=1"],
      /^Bad --limit-labels: Cannot use '1' where every series has the labels _id, a: write 2 or more$/,
    ],
    [["--partition-label=a-b"], /^Bad --partition-label: Cannot use 'a-b' as the name of a label: write /],
    [
      ["--authorize=http://a/", "--authorize-issuer-url=http://b/", "--authorize-password-file={none}"],
      /^Bad --authorize-password-file: Cannot read '.*\/none': there is no such file: make it, or name another$/,
    ],
    [
      ["--authorize=http://a/", "--authorize-issuer-url=http://b/", "--authorize-password=p"],
      /^Cannot use --authorize-issuer-url without --authorize-username/,
    ],
    ...WITHOUT_RING.map((arg) =>
      [[arg], new RegExp(`^Cannot use ${arg.split("=")[0]} without --listen-cluster`)] as const
    ),
    [RING.slice(0, 1), /^Cannot use --listen-cluster without --cluster-ca/],
    [RING.slice(0, -1), /^Cannot use --listen-cluster without --shared-key/],
    [[...RING, "--limit-bytes=2000000"], /^Cannot use --limit-bytes 2000000 in a ring/],
    [[...RING, "--listen-cluster=:9006"], /^Cannot tell where others reach this server/],
    [
      [...RING, "--cluster-crt={key}"],
      /^Bad --cluster-crt '.*\/key': it holds no certificate in PEM: name a file that has a line -----BEGIN CERTIFICATE-----$/,
    ],
    [[...RING, "--cluster-crt={garbled}"], /^Bad --cluster-crt '.*\/garbled': certificate 2 of 2 is garbled$/],
  ] as [readonly string[], RegExp][]
) {
  Deno.test(`loadSettings() refuses ${args.map((arg) => arg.slice(0, 60)).join(" ")}`, async () => {
    await assert.rejects(load(...args), (error) => error instanceof UsageError && sentence.test(error.message));
  });
}
