import assert from "node:assert/strict";
import { flag, text } from "../../../common/option_kinds.ts";
import type { OptionTable } from "../../../common/options.ts";
import { manPage } from "../../../scripts/documents/man_page.ts";

const OPTIONS = {
  aName: { kind: text, default: "x-1", help: "A \\ name", why: "Set it" },
  must: { kind: text, required: true, help: "Needed" },
  quiet: { kind: flag, short: "-q", help: ".Say less" },
} as const satisfies OptionTable;

Deno.test("manPage() shows names, texts and dashes as they are typed", () => {
  const page = manPage({ name: "a-b", summary: "Does it.", options: OPTIONS }, {
    description: ["'Tis a program."],
    environment: { A_PROXY: "The way." },
    signals: { SIGTERM: "Stops." },
    seeAlso: ["c-d(1)"],
  });
  const lines = page.split("\n");
  assert.match(lines[0], /^\.TH A\\-B 1 "" "Telemeter \d+\.\d+\.\d+" "Telemeter"$/);
  assert.ok(page.includes("\n.SH NAME\na\\-b \\- does it\n"));
  assert.ok(page.includes("\n.PP\n\\&'Tis a program.\n"));
  assert.ok(page.includes("\n.TP\n\\fB\\-\\-a\\-name \\fITEXT\\fR\nA \\e name.\nSet it.\nBy default x\\-1.\n"));
  assert.ok(page.includes("\n.TP\n\\fB\\-\\-must \\fITEXT\\fR\nNeeded.\nRequired.\n"));
  assert.ok(page.includes("\n.TP\n\\fB\\-q, \\-\\-quiet\\fR\n\\&.Say less.\n"));
  assert.ok(page.includes("\n.SH ENVIRONMENT\n.TP\n\\fBA_PROXY\\fR\nThe way.\n.SH SIGNALS\n"));
  assert.ok(page.includes("\n.SH SEE ALSO\n\\fBc\\-d\\fR(1)\n"));
});
