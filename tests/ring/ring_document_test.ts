/** What docs/ring.md says of the code: its constants, its messages, and what the simulator checks. */

import assert from "node:assert/strict";
import { MESSAGE_TYPES, type MessageType } from "../../ring/protocol/mesh.ts";
import type { Field } from "../../ring/protocol/message_fields.ts";
import { MESSAGE_FIELDS, NACK_CODES } from "../../ring/protocol/messages.ts";
import { COPIED_MS, HEIR_MS, SERVING_MS } from "../simulation/convergence_watch.ts";
import { EXPIRY_LEEWAY_MS } from "../simulation/durability_watch.ts";
import { MUTANTS } from "../simulation/mutants.ts";
import { LEAVE_MS, OUTCOME_MS } from "../simulation/protocol_watch.ts";
import { SCRAPE_MS } from "../simulation/ring_world.ts";
import { AGE_LEEWAY_MS, CALM_AGE_LEEWAY_MS, LAG_MS, planOf } from "../simulation/scenarios.ts";
import { INVARIANTS } from "../simulation/violation.ts";

const ROOT = new URL("../../", import.meta.url);
const DOCUMENT = (await Deno.readTextFile(new URL("docs/ring.md", ROOT))).replaceAll("\r", "");

/** The cells of the rows below a header that begins with these. */
function table(...header: string[]): string[][] {
  const rows = DOCUMENT.split("\n").map((line) =>
    line.startsWith("|") ? line.slice(1, -1).split("|").map((cell) => cell.trim()) : undefined
  );
  return rows.flatMap((row, index) => {
    if (!row || !header.every((name, column) => row[column] === name)) return [];
    const end = rows.indexOf(undefined, index);
    return rows.slice(index + 2, end) as string[][];
  });
}

function plain(cell: string): string {
  return cell.replaceAll("`", "");
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  "ms": 1,
  "s": 1_000,
  "min": 60_000,
  "h": 3_600_000,
  "KiB": 1_024,
  "MiB": 1_024 * 1_024,
};

function numberOf(text: string): number {
  const [, digits, unit] = /^([\d.,]+) ?(\w*)$/.exec(text) ?? assert.fail(text);
  return Number(digits.replaceAll(",", "")) * (UNITS[unit] ?? assert.fail(unit));
}

Deno.test("docs/ring.md gives the constants the values that they have in the code", async () => {
  const rows = table("Constant", "Value", "Where");
  assert.ok(rows.length > 60, `${rows.length} constants`);
  for (const [constant, value, where] of rows) {
    const module = await import(new URL(plain(where), ROOT).href);
    const found = plain(constant).split(".").reduce((of, name) => of?.[name], module);
    assert.equal(found, numberOf(value), `${constant} in ${where}`);
  }
});

Deno.test("docs/ring.md lists every type of message, with its number, its class and its fields", () => {
  const rows = table("Type", "No.", "Class", "Fields");
  const expected = Object.entries(MESSAGE_TYPES).map(([type, { number, class: kind }]) => {
    const readers = Object.entries(MESSAGE_FIELDS[type as MessageType]) as [string, Field<unknown>][];
    const fields = readers.map(([name, read]) => name === "bytes" ? "body" : isOptional(read) ? `${name}?` : name);
    return [type, String(number), kind, fields.toSorted().join(" ")];
  });
  const beliefs = ["view", "table", "epoch", "clear?", "accuses"];
  const written = rows.map(([type, number, kind, fields]) => {
    const names = plain(fields).split(", ").filter(Boolean).flatMap((name) => name === "beliefs" ? beliefs : [name]);
    return [plain(type), number, kind, names.toSorted().join(" ")];
  });
  assert.deepEqual(written, expected);
  const nack = rows.find(([type]) => plain(type) === "NACK")!;
  assert.equal(plain(nack[4]), NACK_CODES.join(", "));
});

function isOptional(read: Field<unknown>): boolean {
  try {
    read(undefined, "field");
    return true;
  } catch {
    return false;
  }
}

Deno.test("docs/ring.md says what each invariant is, and by which times the simulator judges it", () => {
  const rows = table("Invariant").map((row) => row.map(plain));
  assert.deepEqual(Object.fromEntries(rows.map(([name, what]) => [name, what])), INVARIANTS);
  const judged = Object.fromEntries(rows.map(([name, _, how]) => [name, how]));
  const seconds = (ms: number) => `${ms / 1_000} s`;
  assert.match(judged.I1, new RegExp(`${1_000 / SCRAPE_MS === 2 ? "twice" : SCRAPE_MS} a second`));
  assert.match(judged.I2, new RegExp(`until ${seconds(EXPIRY_LEEWAY_MS)} before its TTL`));
  assert.match(
    judged.I4,
    new RegExp(
      `with ${seconds(AGE_LEEWAY_MS)} \\(\`nothing\`: ${seconds(CALM_AGE_LEEWAY_MS)}\\) for`.replaceAll("`", ""),
    ),
  );
  assert.match(judged.lag, new RegExp(`within ${seconds(LAG_MS)}`));
  assert.match(judged.I7, new RegExp(`within ${seconds(OUTCOME_MS)} .* leave within ${seconds(LEAVE_MS)}`));
  assert.match(judged.I9, new RegExp(`${seconds(SERVING_MS)} after`));
  assert.match(INVARIANTS.heir, new RegExp(`within ${seconds(HEIR_MS)}`));
  assert.match(judged.copies, new RegExp(`^${seconds(COPIED_MS)} after`));
  const [usual, balanced] = ["nothing", "one-address"].map((scenario) => planOf(1, { scenario }).convergeMs);
  assert.match(judged.converged, new RegExp(`^Within ${seconds(usual)}; ${seconds(balanced)} `));
});

Deno.test("docs/ring.md lists every mutant, with its scenario and what it violates", () => {
  const rows = table("A member that …", "Scenario", "Violates").map((row) => row.map(plain));
  const expected = Object.entries(MUTANTS).map((
    [name, { scenario, violates }],
  ) => [name, scenario, violates.join(", ")]);
  assert.deepEqual(rows, expected);
});
