import assert from "node:assert/strict";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import { isSound, ROW_COLUMNS } from "../../../server/store/kv_row.ts";
import { Keys } from "../../../server/store/layout.ts";
import { scratchDir } from "../../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const keys = new Keys("telemeter");
const IDS = ["a", "\0", "a\0b\0", "\0\0", "ü😀", "\uffff", "", "\n\"'\\/..", "x".repeat(255)];

/** The rows as Deno KV itself writes them. */
async function rowsOf(entries: readonly (readonly [Deno.KvKey, unknown])[]): Promise<Record<string, SQLOutputValue>[]> {
  using scratch = scratchDir();
  const path = `${scratch.dir}/kv`;
  const kv = await Deno.openKv(path);
  for (const [key, value] of entries) await kv.set(key, value);
  kv.close();
  using db = new DatabaseSync(path);
  return db.prepare(`select ${ROW_COLUMNS} from kv`).all();
}

Deno.test("isSound() takes every row that the store writes", async () => {
  const value = new Uint8Array([1]);
  const entries = IDS.flatMap((id) =>
    [keys.head(id), keys.chunk(id, 2 ** 51 + 1, 511), keys.aside(-1.5, id), keys.meta(id)].map((key) =>
      [key, value] as const
    )
  );
  const rows = await rowsOf(entries);
  assert.equal(rows.length, entries.length);
  for (const row of rows) assert.ok(isSound(row), JSON.stringify(row));
});

Deno.test("isSound() takes no row that would make Deno KV fail, nor a value that the store does not write", async () => {
  const [sound] = await rowsOf([[keys.head("ab"), new Uint8Array([1])]]);
  const others = await rowsOf([[["a"], "text"], [["b"], 1n], [["c"], { an: "object" }], [[1n], new Uint8Array()]]);
  const key = sound.k as Uint8Array;
  const unsound: Record<string, SQLOutputValue>[] = [
    ...others,
    { ...sound, v_encoding: 83 },
    { ...sound, expiration_ms: 1_700_000_000_000 },
    { ...sound, v_type: "null" },
    { ...sound, k: "text" },
    { ...sound, k: key.slice(0, -1) },
    { ...sound, k: new Uint8Array([...key, 2]) },
    { ...sound, k: new Uint8Array([...key, 33, 1, 2]) },
    { ...sound, k: new Uint8Array([...key, 99]) },
    { ...sound, k: key.with(key.length - 2, 0xc3) },
  ];
  for (const row of unsound) assert.ok(!isSound(row), JSON.stringify(row));
});
