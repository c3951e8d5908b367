/** What the programs say of files that options name and that they cannot use: which flag, which file, and what to give. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { CLIENT_OPTIONS } from "../../client/options.ts";
import { flagOf, type OptionTable, UsageError } from "../../common/options.ts";
import { issueCertificate, makeAuthority } from "../../scripts/certificates/issue_certificate.ts";
import { SERVER_OPTIONS } from "../../server/options.ts";
import { checkOptions } from "../support/checked_options.ts";
import { ecKeys } from "../support/jwt.ts";
import { tempFolder } from "../support/programs.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const folder = await tempFolder();
globalThis.addEventListener("unload", () => Deno.removeSync(folder.path, { recursive: true }));
const authority = await makeAuthority();
const { cert, key } = await issueCertificate("localhost", { authority, hosts: [], days: 1 });
const good = {
  ca: await folder.write("ca.crt", authority.cert),
  cert: await folder.write("good.crt", cert),
  key: await folder.write("good.key", key),
  token: await folder.write("token.key", ecKeys().pem),
};

/** What may stand where a file should be, by what one would call it. */
const BAD = {
  "no file": join(folder.path, "nothing"),
  "a directory": join(folder.path, "directory"),
  "an empty file": await folder.write("empty", ""),
  "a file of other bytes": join(folder.path, "other"),
  "a long file": join(folder.path, "long"),
  "a pipe": join(folder.path, "pipe"),
  "a device": "/dev/zero",
  "a path through a file": join(folder.path, "empty", "file"),
} as const;
type Fault = keyof typeof BAD;

await Deno.mkdir(BAD["a directory"]);
// Bytes of a program: no UTF-8, and with control characters.
const other = Uint8Array.from({ length: 300 }, (_, i) => (i * 151 + 7) % 256);
await Deno.writeFile(BAD["a file of other bytes"], other);
await Deno.writeFile(BAD["a long file"], new Uint8Array(10_000_000).fill(0x7e));
await new Deno.Command("mkfifo", { args: [BAD["a pipe"]] }).output();

/** How a file comes to be read. */
interface Use {
  /** What goes with the option so that its file is read. */
  readonly beside?: readonly string[];
  /** What its file may be. */
  readonly takes?: readonly Fault[];
}

const RING = [
  "--listen-cluster=127.0.0.1:9006",
  ...[`--cluster-ca=${good.ca}`, `--cluster-crt=${good.cert}`, `--cluster-key=${good.key}`],
  `--shared-key=${good.token}`,
];
const TLS = [`--tls-crt=${good.cert}`, `--tls-key=${good.key}`];
const SINK = "--forward-url=https://sink.example";
const SINK_TLS = [SINK, `--forward-cert-file=${good.cert}`, `--forward-key-file=${good.key}`];
const OAUTH = [SINK, "--forward-oauth-url=https://issuer.example", "--forward-oauth-client-id=me"];

const SERVER_FILES: Readonly<Record<string, Use>> = {
  tlsCrt: { beside: TLS },
  tlsKey: { beside: TLS },
  clientCa: { beside: TLS },
  internalTlsCrt: { beside: [`--internal-tls-key=${good.key}`] },
  internalTlsKey: { beside: [`--internal-tls-crt=${good.cert}`] },
  clusterCa: { beside: RING },
  clusterCrt: { beside: RING },
  clusterKey: { beside: RING },
  sharedKey: {},
  verifyKey: {},
  revokedFile: { takes: ["an empty file"] },
  tokensFile: { takes: ["an empty file"] },
  authorizePasswordFile: { beside: ["--authorize=https://me@authorizer.example"] },
  whitelistFile: {},
  forwardCaFile: { beside: [SINK] },
  forwardCertFile: { beside: SINK_TLS },
  forwardKeyFile: { beside: SINK_TLS },
  forwardTokenFile: { beside: [SINK] },
  forwardPasswordFile: { beside: ["--forward-url=https://me@sink.example"] },
  forwardOauthSecretFile: { beside: OAUTH },
  "config.file": { takes: ["an empty file"] },
};

const CLIENT_FILES: Readonly<Record<string, Use>> = {
  fromPasswordFile: { beside: ["--from=http://me@source.example"] },
  fromTokenFile: {},
  fromCaFile: {},
  fromProxyPasswordFile: { beside: ["--from-proxy=http://me@proxy.example"] },
  toTokenFile: { beside: ["--to-token="] },
  toCaFile: {},
  toProxyPasswordFile: { beside: ["--to-proxy=http://me@proxy.example"] },
  matchFile: { takes: ["an empty file"] },
  // A salt is any bytes.
  anonymizeSaltFile: { beside: ["--anonymize-labels=pod"], takes: ["a file of other bytes"] },
  tlsCertFile: { beside: [`--tls-private-key-file=${good.key}`] },
  tlsPrivateKeyFile: { beside: [`--tls-cert-file=${good.cert}`] },
  "config.file": { takes: ["an empty file"] },
};

const PROGRAMS: readonly (readonly [
  name: Parameters<typeof checkOptions>[0],
  table: OptionTable,
  uses: Readonly<Record<string, Use>>,
  needed: readonly string[],
])[] = [
  ["telemeter-server", SERVER_OPTIONS, SERVER_FILES, []],
  ["telemeter-client", CLIENT_OPTIONS, CLIENT_FILES, [
    ...["--from=http://source.example", "--to=http://server.example", "--id=me", "--to-token=initial"],
  ]],
];

/** What is said of a file that cannot be used: what is wrong, and behind a colon or a semicolon what to do. */
const SAYS_WHAT_TO_DO = /[:;,] (?:\w+ )?(?:make|name|write|shorten|end|have) \w/;

for (const [name, table, uses, needed] of PROGRAMS) {
  Deno.test(`${name} has a use in this test for each option that names a file`, () => {
    const named = Object.entries(table).filter(([, { kind }]) => kind.placeholder === "FILE").map(([option]) => option);
    assert.deepEqual(Object.keys(uses).sort(), named.sort());
  });

  for (const [option, { beside = [], takes = [] }] of Object.entries(uses)) {
    const flag = flagOf(option);
    Deno.test(`${name} says of a ${flag} that it cannot use which file it is, and what to give`, async () => {
      for (const [fault, path] of Object.entries(BAD) as [Fault, string][]) {
        const checked = checkOptions(name, [
          ...needed,
          ...beside.filter((arg) => !arg.startsWith(`${flag}=`)),
          `${flag}=${path}`,
        ]);
        if (takes.includes(fault)) {
          await checked;
          continue;
        }
        const startedMs = performance.now();
        await assert.rejects(checked, (error) => {
          assert.ok(error instanceof UsageError, String(error));
          const { message } = error;
          assert.ok(message.startsWith(`Bad ${flag}`) && message.includes(path), `${fault}: ${message}`);
          assert.match(message, SAYS_WHAT_TO_DO, fault);
          assert.doesNotMatch(message, /[\p{Cc}]|--allow-|os error/u, fault);
          return true;
        }, fault);
        assert.ok(performance.now() - startedMs < 2_000, fault);
      }
    });
  }
}
