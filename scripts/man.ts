/**
 * Writes the manual pages of the server and the client into `bin/`.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CLIENT_PROGRAM } from "../client/options.ts";
import { run } from "../common/lifecycle.ts";
import type { Program } from "../common/options.ts";
import { SERVER_PROGRAM } from "../server/options.ts";
import { manPage } from "./documents/man_page.ts";

/** The program as `--help` shows it. */
export const MAN: Program<Record<never, never>> = {
  name: "man",
  summary: "Writes the manual pages of the server and the client into bin/.",
  options: {},
};

const SIGNALS = {
  SIGTERM:
    "Finishes what is under way, for 30 seconds at most, and exits. So does SIGINT; a second signal exits at once.",
  SIGHUP: "Reads again the file of --config.file and the files that its options and those of the command line name.",
};

/** What is read of the environment, for requests to others. */
function environmentOf(others: string): Record<string, string> {
  return {
    "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY":
      `Proxies on the way to ${others}; NO_PROXY names hosts that are reached without one.`,
    DENO_TLS_CA_STORE: "The authorities to trust: system, mozilla, or both parted by a comma, as is usual.",
    SSL_CERT_FILE: "Where the authorities of the system are.",
  };
}

/** The pages by the names of their files. */
export function manPages(): Readonly<Record<string, string>> {
  return {
    "telemeter-server.1": manPage(SERVER_PROGRAM, {
      description: [
        "The server takes the series that clients push over HTTPS, checks each, keeps the last push of each source cluster on disk, and shows all of them on /federate of its internal listener to a central Prometheus.",
        "Several servers form a ring: it shares the clusters out and survives the loss of a server.",
      ],
      environment: {
        ...environmentOf("what --authorize, --authorize-issuer-url, --storage-url and --forward-url name"),
        DENO_KV_ACCESS_TOKEN: "The access token for --storage-url.",
      },
      signals: SIGNALS,
      seeAlso: ["telemeter-client(1)", "prometheus(1)"],
    }),
    "telemeter-client.1": manPage(CLIENT_PROGRAM, {
      description: [
        "The client reads chosen series from /federate of a Prometheus, cleans and anonymizes them, and pushes them to a server, again and again.",
        "Start it with --dry-run to see what would leave the machine.",
      ],
      environment: environmentOf("the server, unless --to-proxy names one"),
      signals: SIGNALS,
      seeAlso: ["telemeter-server(1)", "prometheus(1)"],
    }),
  };
}

if (import.meta.main) {
  await run(MAN, async ({ print }) => {
    const folder = fileURLToPath(new URL("../bin", import.meta.url));
    await Deno.mkdir(folder, { recursive: true });
    for (const [name, page] of Object.entries(manPages())) {
      await Deno.writeTextFile(join(folder, name), page);
      print(`bin/${name}\n`);
    }
  });
}
