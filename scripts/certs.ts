/**
 * Makes a certificate authority and certificates of servers. Run it with `deno task certs`.
 *
 * @module
 */

import { join } from "node:path";
import { run } from "../common/lifecycle.ts";
import { directory, flag, names, wholeNumber } from "../common/option_kinds.ts";
import type { OptionTable, Program } from "../common/options.ts";
import { checkSecretFiles } from "../common/secret_guard.ts";
import { makeCertificates } from "./certificates/certificate_folder.ts";
import { AUTHORITY_DAYS } from "./certificates/issue_certificate.ts";

/** The option table. */
export const CERTS_OPTIONS = {
  dir: {
    kind: directory,
    default: "certs/",
    help: "Where the files go; an authority that is there already signs again",
    since: "0.1.0",
    why: "Keep the authority's key away from the servers: ca.key signs whom you like",
  },
  name: {
    kind: names,
    required: true,
    help:
      "Servers, by their host name for clients or their --name in a ring: each gets NAME.crt and NAME.key; repeatable",
    since: "0.1.0",
    why: "One for each server",
  },
  host: {
    kind: names,
    default: "localhost,127.0.0.1",
    help: "Host names and IP addresses for which the certificates are good besides their names; repeatable",
    since: "0.1.0",
    why: "Name every host and address under which clients and other servers dial",
  },
  days: {
    kind: wholeNumber({ least: 1, most: AUTHORITY_DAYS }),
    default: "365",
    help: "For how many days the certificates are good",
    since: "0.1.0",
    why: "Renew less often, or make a leaked key worthless sooner",
  },
  force: {
    kind: flag,
    help: "Replace certificates and keys that are there; never the authority",
    since: "0.1.0",
    why: "Renew certificates: running servers pick up the new files by themselves",
  },
} as const satisfies OptionTable;

/** The program as `--help` and `docs/configuration.md` show it. */
export const CERTS: Program<typeof CERTS_OPTIONS> = {
  name: "certs",
  summary: "Makes a certificate authority, ca.crt and ca.key, and certificates of servers: for clients, or for a ring.",
  options: CERTS_OPTIONS,
};

if (import.meta.main) {
  await run(CERTS, async ({ values: { name, host, ...plan }, log, print }) => {
    // Whoever reads the key of an authority that was there before can be any member.
    await checkSecretFiles({ "ca.key": join(plan.dir, "ca.key") }, { log });
    for (const path of await makeCertificates({ ...plan, names: name, hosts: host })) print(`${path}\n`);
  });
}
