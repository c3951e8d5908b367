import assert from "node:assert/strict";
import { count, duration, file, flag, text } from "../../../common/option_kinds.ts";
import type { Program } from "../../../common/options.ts";
import { optionTable } from "../../../scripts/documents/option_table.ts";

const PROGRAM: Program<Record<string, never>> = {
  name: "example",
  summary: "Shows options.",
  arguments: { ADDR: "Where to listen", "FILE?": "What to show" },
  options: {
    keyFile: { kind: file, required: true, help: "The key", since: "0.1.0", why: "There is another" },
    level: { kind: { ...text, placeholder: "a|b" }, default: "a", help: "One of a | b", why: "b | a" },
    verbose: { kind: flag, short: "-v", help: "Say more", since: "0.2.0" },
    ttl: { kind: duration, help: "How long" },
    limit: { kind: { ...count, placeholder: "BYTES" }, help: "How large" },
    workers: { kind: count, help: "How many" },
    expireSeconds: { kind: count, help: "How soon" },
    days: { kind: count, help: "How late" },
  } as never,
};

const TABLE = [
  "| Flag                   | Default    | Unit     | Since | What it does    | Why change it    |",
  "| ---------------------- | ---------- | -------- | ----- | --------------- | ---------------- |",
  "| `ADDR`                 | (required) |          |       | Where to listen |                  |",
  "| `FILE`                 |            |          |       | What to show    |                  |",
  "| `--key-file <FILE>`    | (required) |          | 0.1.0 | The key         | There is another |",
  "| `--level <a\\|b>`       | `a`        |          |       | One of a \\| b   | b \\| a           |",
  "| `-v, --verbose`        |            |          | 0.2.0 | Say more        |                  |",
  "| `--ttl <DURATION>`     |            | duration |       | How long        |                  |",
  "| `--limit <BYTES>`      |            | bytes    |       | How large       |                  |",
  "| `--workers <N>`        |            | count    |       | How many        |                  |",
  "| `--expire-seconds <N>` |            | seconds  |       | How soon        |                  |",
  "| `--days <N>`           |            | days     |       | How late        |                  |",
].join("\n");

Deno.test("optionTable() lists arguments and options with their units, bars escaped and columns padded", () => {
  assert.equal(optionTable(PROGRAM), TABLE);
});
