/** What memory holds, as docs/threat_model.md lists it: all that is in the code is there, and weighs no more than it says. */

import assert from "node:assert/strict";
import { readSources } from "../../scripts/documents/fixed_bounds.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const ROOT = new URL("../../", import.meta.url);

/** A field of a class that may hold many things. */
const FIELDS = [
  /^ {2}(?:readonly |static )*(#?\w+)(?:: [^=\n]+)? = (?:new (?:Weak)?(?:Map|Set)\b|new (?:BoundedMap|BytesMap|\w+Array)\b|\[\])/gm,
  /^ {2}(?:readonly )?(#?\w+): (?:BoundedMap|BytesMap)</gm,
];
/** What holds many things wherever it is made. */
const HOLDERS = /\bnew (?:Buckets|RepeatLog|BoundedMap|BytesMap|FairShares)\(/;

/** What needs no row, and why. */
const EXEMPT: Readonly<Record<string, readonly string[]>> = {
  "lives for one push, one page of text or one message": [
    "common/exposition/distribution_assembly.ts",
    "common/exposition/escape_families.ts",
    "common/exposition/family_assembly.ts",
    "common/exposition/family_registry.ts",
    "common/exposition/histogram_message.ts",
    "common/exposition/protobuf.ts",
    "common/exposition/text_format.ts",
    "common/ingest/family_names.ts",
    "common/ingest/losses.ts",
    "common/ingest/push_reader.ts",
    "common/ingest/ingester.ts #natives",
    "server/remote_write/limited_write.ts",
    "common/remote_write/write_requests.ts",
    "common/remote_write/ended_series.ts",
  ],
  "is made of other bounded maps, which have rows": ["common/bounded_map.ts"],
  "is of the client": ["common/exposition/label_memory.ts"],
  "is of a fixed size": [
    "common/exposition/protobuf_wire.ts",
    "ring/transfer/keyed_hash.ts",
    "ring/transport/link.ts #malformedAt",
    "server/sinks/sink.ts #lanes",
  ],
  "has one entry for each option, file, listener or proxy that was named": [
    "common/http/http_metrics.ts",
    "common/ingest/allow_list.ts #pinned",
    "common/ingest/allow_list.ts #free",
    "common/outgoing/outgoing_requests.ts",
    "common/secret_guard.ts",
    "common/watched_value.ts",
    "server/sinks/sink_connection.ts",
    "server/sinks/sink_metrics.ts",
    // One for each result, and each reason.
    "server/pushes/push_summary.ts",
    "ring/transport/ring_identity.ts",
  ],
  "is empty again after the start": ["server/store/aside.ts"],
  "is empty again after each event": ["ring/ring_machine.ts #effects"],
};

interface Row {
  readonly what: string;
  /** Paths, and paths with a field. */
  readonly places: readonly string[];
  readonly bytesEach: number | undefined;
  readonly megabytes: number;
}

/** The rows of the tables of memory, table by table. */
async function tables(): Promise<Row[][]> {
  const page = await Deno.readTextFile(new URL("docs/threat_model.md", ROOT));
  const [, section] = /^## What memory holds\n([^]*?)^## /m.exec(page)!;
  return section.split(/\n\n/).filter((part) => part.startsWith("| What")).map((table) =>
    table.trim().split("\n").slice(2).map((line) => {
      const [what, where, , each, megabytes] = line.slice(1, -1).split(" | ").map((cell) => cell.trim());
      const places = where.split("; ").flatMap((place) => {
        const [, path] = /\]\(\.\.\/([^)]+)\)/.exec(place) ?? [];
        return path === undefined
          ? []
          : [path, ...[...place.matchAll(/`(#?\w+)`/g)].map(([, field]) => `${path} ${field}`)];
      });
      return { what, places, bytesEach: each === "" ? undefined : numberIn(each), megabytes: numberIn(megabytes) };
    })
  );
}

function numberIn(cell: string): number {
  return Number(cell.replaceAll(/[,*|\s]/g, ""));
}

Deno.test("the threat model lists all that memory holds for long, and nothing that is not there", async () => {
  const sources = await readSources(ROOT, ["common", "ring", "server"]);
  const texts = new Map(sources.map(({ path, text }) => [path, text]));
  const listed = new Set((await tables()).flat().flatMap(({ places }) => places));
  const exempt = new Set(Object.values(EXEMPT).flat());
  const held = sources.filter(({ path }) => !path.includes("/assembly/")).flatMap(({ path, text }) => {
    const fields = FIELDS.flatMap((pattern) => [...text.matchAll(pattern)].map(([, field]) => `${path} ${field}`));
    return fields.length > 0 ? fields : HOLDERS.test(text) ? [path] : [];
  });
  assert.ok(held.length > 80, `${held.length} are found`);
  const missing = held.filter((place) => !listed.has(place) && !exempt.has(place) && !exempt.has(place.split(" ")[0]));
  assert.deepEqual(missing, [], "say in docs/threat_model.md what bounds them, or here why they need no bound");
  const gone = [...listed, ...exempt].filter((place) => {
    const [path, field] = place.split(" ");
    return !texts.has(path) || field !== undefined && !texts.get(path)!.includes(field);
  });
  assert.deepEqual(gone, []);
});

Deno.test("the threat model adds up what memory holds", async () => {
  const found = await tables();
  assert.equal(found.length, 2);
  for (const rows of found) {
    const sum = rows.slice(0, -1).reduce((sum, { megabytes }) => sum + megabytes, 0);
    assert.equal(rows.at(-1)?.what, "**Together**");
    assert.equal(rows.at(-1)?.megabytes, sum);
    for (const { what, megabytes } of rows) assert.ok(Number.isFinite(megabytes), what);
  }
});

/** Where the table has what `tests/support/weigh_bounds.ts` weighs. */
const WEIGHED: Readonly<Record<string, string>> = {
  StoredIndex: "server/store/stored_index.ts #held",
  Buckets: "server/limits/rate_limit.ts #fullAt",
  TokenVerifier: "server/authorization/tokens.ts #remembered",
  CachingAuthorizer: "server/authorization/authorizer_cache.ts #granted",
  RepeatLog: "common/repeat_log.ts #things",
  EntryTable: "ring/replication/entry_table.ts #held",
  BytesMatcher: "common/ingest/allow_list.ts #remembered",
  Ingester: "common/ingest/ingester.ts #names",
  Kernel: "common/kernel/kernel.ts",
};

Deno.test("what memory holds weighs no more than the threat model says, and the index than it says itself", async () => {
  const program = new URL("tests/support/weigh_bounds.ts", ROOT).pathname;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--v8-flags=--expose-gc", "--unstable-kv", "--allow-all", program],
    cwd: ROOT,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const weights: Record<string, number> = JSON.parse(new TextDecoder().decode(stdout));
  const rows = (await tables()).flat();
  for (const [name, weight] of Object.entries(weights)) {
    if (name.startsWith("ExpositionIndex")) {
      assert.ok(weight <= 0, `${name}: an entry takes ${weight} bytes more than it says`);
      continue;
    }
    const row = rows.find(({ places }) => places.includes(WEIGHED[name]))!;
    const most = row.bytesEach ?? 1e6 * row.megabytes;
    // What is measured varies a little.
    assert.ok(weight <= 1.05 * most, `${name} weighs ${weight} bytes, and the table says ${most}`);
    assert.ok(weight >= 0.3 * most, `${name} weighs ${weight} bytes only, and the table says ${most}`);
  }
});
