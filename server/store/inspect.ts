/**
 * Inspects the embedded store's file before Deno KV sees it.
 *
 * Deno KV does not forgive: it adopts any SQLite file that it is given, and when a page that it reads of its own accord,
 * once a minute, turns out garbled, it aborts the process. A supervisor would start it again, and again.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { UsageError } from "../../common/options.ts";
import { isSound, ROW_COLUMNS } from "./kv_row.ts";
import { sizeOf } from "./salvage.ts";

const KV_TABLES = new Set(["migration_state", "data_version", "kv", "queue", "queue_running"]);

// What Deno KV counts on besides SQLite's own integrity.
const COUNTERS = `select count(*) as found from migration_state, data_version
  where migration_state.k = 0 and typeof(migration_state.version) = 'integer'
    and data_version.k = 0 and typeof(data_version.version) = 'integer'`;

/**
 * Returns what is wrong with a file if it is garbled.
 *
 * @throws {UsageError} if it is another program's database.
 * @throws {Error} of SQLite if it is locked or the system refuses.
 */
export function inspect(path: string): string | undefined {
  if (sizeOf(path) <= 0) {
    return sizeOf(path + "-wal") > 0 ? "its main part is gone but its write-ahead log is there" : undefined;
  }
  using db = new DatabaseSync(path);
  db.exec("begin immediate; rollback"); // Fails if the file is locked.
  const texts = (query: string) => db.prepare(query).all().map((row) => String(Object.values(row)[0]));
  const tables = texts("select name from sqlite_master where type = 'table'");
  const foreign = tables.find((name) => !KV_TABLES.has(name) && !name.startsWith("sqlite_"));
  if (foreign !== undefined) {
    throw new UsageError(
      `Cannot use '${path}' as it is another program's database (it has a table '${foreign}'): ` +
        "move it away, or give another --storage-dir",
    );
  }
  const fault = texts("pragma integrity_check(1)").find((text) => text !== "ok");
  // A process that was killed before Deno KV had laid out a new file leaves no tables.
  if (fault !== undefined || tables.length === 0) return fault;
  if ([...KV_TABLES].some((name) => !tables.includes(name))) return "it lacks tables";
  if (texts(COUNTERS)[0] !== "1") return "its counters are gone";
  for (const row of db.prepare(`select ${ROW_COLUMNS} from kv not indexed`).iterate()) {
    if (!isSound(row)) return "it has rows that are none of Deno KV's";
  }
  return undefined;
}
