import assert from "node:assert/strict";
import { CLIENT_PROGRAM } from "../../client/options.ts";
import { flagOf } from "../../common/options.ts";
import { manPages } from "../../scripts/man.ts";
import { SERVER_PROGRAM } from "../../server/options.ts";
import { tempFolder } from "../support/programs.ts";
import { firstTool, runTool } from "../support/tool.ts";

const groff = await firstTool([{ path: "groff" }], { checks: "whether the manual pages are read without a warning" });
const PROGRAMS = [SERVER_PROGRAM, CLIENT_PROGRAM];

for (const [name, page] of Object.entries(manPages())) {
  Deno.test(`${name} is read without a warning, and shows every option`, { ignore: groff === undefined }, async () => {
    await using folder = await tempFolder();
    const path = await folder.write(name, page);
    const warnings = await runTool("groff", ["-man", "-Tutf8", "-Kutf8", "-ww", "-z", path]);
    assert.equal(warnings.output, "");
    const { stdout } = await runTool("groff", ["-man", "-Tascii", "-P-cbou", "-rLL=300n", path]);
    const program = PROGRAMS.find((program) => name === `${program.name}.1`)!;
    for (const option of Object.keys(program.options)) {
      assert.match(stdout, new RegExp(`^ +(-\\w, )?${flagOf(option)}( |$)`, "m"), option);
    }
    for (const title of ["NAME", "SYNOPSIS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "SIGNALS", "SEE ALSO"]) {
      assert.match(stdout, new RegExp(`^${title}$`, "m"));
    }
    const named = program === SERVER_PROGRAM ? ["DENO_KV_ACCESS_TOKEN"] : [];
    for (const term of [...named, "HTTPS_PROXY", "DENO_TLS_CA_STORE", "SSL_CERT_FILE", "SIGTERM", "SIGHUP"]) {
      assert.match(stdout, new RegExp(`^ +.*\\b${term}\\b`, "m"));
    }
  });
}
