/**
 * Replaces a garbled store file by one with all that can still be read of it.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import { isSound, ROW_COLUMNS } from "./kv_row.ts";
import { makePrivate } from "./private_files.ts";

/** What SQLite appends to the name of a database for its files; renamed together they stay a database. */
export const PARTS: readonly string[] = ["", "-wal", "-shm"];

/** How many garbled files are kept for a person to look at, so that they do not fill the disk. */
export const KEPT_ASIDE = 2;

const SALVAGED = ".salvaged";
const ROWS_A_COMMIT = 500;

/** The size of a file in bytes, or -1 if there is none. */
export function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return -1;
    throw error;
  }
}

/**
 * Replaces a garbled store file by one with the rows that can be read. Whether those are intact is for the reader of their
 * checksums to find.
 *
 * The garbled file becomes `NAME.corrupt-TIME`, and all but the newest of those go. A crash on the way, or a disk that is
 * full, leaves the garbled file where it was, or a state that {@linkcode resume} completes.
 *
 * @throws if the system refuses to write.
 */
export async function replaceGarbled(path: string, at: Date): Promise<{ aside: string; entriesKept: number }> {
  const salvaged = path + SALVAGED;
  for (const part of PARTS) remove(salvaged + part);
  makePrivate(salvaged);
  (await Deno.openKv(salvaged)).close(); // Lays the tables out.
  const entriesKept = sizeOf(path) > 0 ? copyRows(path, salvaged) : 0;
  const aside = setAside(path, at);
  Deno.renameSync(salvaged, path);
  return { aside, entriesKept };
}

/** Completes what a crash may have interrupted: only once the garbled file was set aside is its path free. */
export function resume(path: string): void {
  if (sizeOf(path) < 0 && sizeOf(path + SALVAGED) >= 0) Deno.renameSync(path + SALVAGED, path);
}

function copyRows(from: string, to: string): number {
  using target = new DatabaseSync(to);
  const insert = target.prepare("insert or ignore into kv (k, v, v_encoding, version) values (?, ?, ?, 0)");
  let kept = 0;
  target.exec("begin");
  for (const { k, v, v_encoding } of readableRows(from)) {
    kept += Number(insert.run(k, v, v_encoding).changes);
    if (kept % ROWS_A_COMMIT === 0) target.exec("commit; begin");
  }
  target.exec("commit");
  return kept;
}

/**
 * A scan of the keys ends at a page of the tree that cannot be read (Deno's iterator ends there without a word), so they
 * are scanned from both ends, and in the index, which has them too. Reading the values one by one then loses no more than
 * those whose own pages cannot be read.
 */
function* readableRows(path: string): Generator<Record<string, SQLOutputValue>> {
  const seen = new Set<string>();
  for (const scan of ["not indexed order by k", "not indexed order by k desc", "indexed by kv_expiration_ms_idx"]) {
    try {
      using db = new DatabaseSync(path);
      const select = db.prepare(`select v, ${ROW_COLUMNS} from kv where k = ?`);
      for (const { k } of db.prepare(`select k from kv ${scan}`).iterate()) {
        const key = (k as Uint8Array).toHex();
        if (seen.has(key)) continue;
        seen.add(key);
        const row = attempt(() => select.get(k));
        if (row !== undefined && isSound(row)) yield row;
      }
    } catch {
      // Not even a table can be read.
    }
  }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function setAside(path: string, at: Date): string {
  const prefix = basename(path) + ".corrupt-";
  const dir = dirname(path);
  const stamp = at.toISOString().replaceAll(":", "");
  // The main file last: while it is there, a start after a crash finds it garbled and does all of this again.
  for (const part of PARTS.toReversed()) {
    if (sizeOf(path + part) >= 0) Deno.renameSync(path + part, join(dir, prefix + stamp + part));
  }
  const names = [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) => name.startsWith(prefix));
  const stampOf = (name: string) => name.slice(prefix.length, prefix.length + stamp.length);
  const kept = [...new Set(names.map(stampOf))].sort().slice(-KEPT_ASIDE);
  for (const name of names) if (!kept.includes(stampOf(name))) remove(join(dir, name));
  return join(dir, prefix + stamp);
}

function remove(path: string): void {
  if (sizeOf(path) >= 0) Deno.removeSync(path);
}
