/**
 * The embedded store's file: locked, inspected before Deno KV sees it, set aside and salvaged when it is garbled.
 *
 * Inspection comes first because Deno KV does not forgive: it adopts any SQLite file it is given, and when a page that it
 * reads by itself once a minute turns out garbled, it aborts the process.
 *
 * @module
 */

import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Logger } from "../../common/log.ts";
import { UsageError } from "../../common/options.ts";
import { PARTS, replaceGarbled, resume, sizeOf } from "./salvage.ts";
import { type FailureReason, reasonOf } from "./unavailable.ts";

/** An open Deno KV and what must happen when it is no longer needed. */
export interface OpenKv extends Disposable {
  /** Closed by disposing of this. */
  readonly kv: Deno.Kv;
  /** Names it in errors. */
  readonly location: string;
  /** The bytes of its files, where it has any. */
  fileBytes(): number | undefined;
}

/** Options of {@linkcode openKvFile}. */
export interface KvFileOptions {
  /** Gets a line for a garbled or empty file. */
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told of each file that was garbled. */
  readonly onSetAside: () => void;
}

const FILE = "telemeter.kv";
const LOCK = "telemeter.lock";
const KV_TABLES = new Set(["migration_state", "data_version", "kv", "queue", "queue_running"]);

/**
 * Opens the store's file in a directory, creating both; the directory is then only for its owner.
 *
 * A garbled file is renamed to `telemeter.kv.corrupt-TIME`, and what can still be read of it goes into a new one.
 *
 * @throws {UsageError} if another process uses the directory, the file is another program's, or the system refuses.
 */
export async function openKvFile(dir: string, { log, now, onSetAside }: KvFileOptions): Promise<OpenKv> {
  const path = join(resolve(dir), FILE);
  using stack = new DisposableStack();
  stack.use(await lock(dir));
  resume(path);
  let kv: Deno.Kv | undefined;
  let fault = inspect(path, { dir, log });
  try {
    if (fault === undefined) kv = await Deno.openKv(path);
  } catch (error) {
    if (!isGarbled(error)) throw refusal(dir, error);
    fault = messageOf(error);
  }
  if (kv === undefined) {
    try {
      const outcome = await replaceGarbled(path, new Date(now()));
      onSetAside();
      log.error("Found the store file garbled, set it aside and kept the entries that could be read", {
        file: path,
        fault,
        ...outcome,
      });
      kv = await Deno.openKv(path);
    } catch (error) {
      throw refusal(dir, error);
    }
  }
  const opened = kv;
  const held = stack.move();
  return {
    kv: opened,
    location: path,
    fileBytes: () => PARTS.reduce((sum, part) => sum + sizeOf(path + part), 0),
    [Symbol.dispose]: () => {
      opened.close();
      held.dispose();
    },
  };
}

/**
 * Takes the directory for this process, or refuses. SQLite itself would let two servers write to one file in turn. The
 * lock is on a file of its own, as closing any handle of a database's file drops the locks that SQLite has on it.
 */
async function lock(dir: string): Promise<Disposable> {
  let file: Deno.FsFile;
  try {
    await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
    file = await Deno.open(join(dir, LOCK), { create: true, write: true, mode: 0o600 });
  } catch (error) {
    throw refusal(dir, error);
  }
  if (await file.tryLock(true)) return file;
  file.close();
  throw new UsageError(
    `Cannot use the storage directory '${dir}' as another server uses it: stop that one, or give each its own --storage-dir`,
  );
}

/** Returns what is wrong with the file if it is garbled, and throws if it must not be touched. */
function inspect(path: string, { dir, log }: { dir: string; log: Logger }): string | undefined {
  const size = sizeOf(path);
  if (size <= 0) {
    if (sizeOf(path + "-wal") > 0) return "its main part is gone but its write-ahead log is there";
    if (size === 0) log.warn("Found the store file empty and starts with nothing held", { file: path });
    return undefined;
  }
  try {
    using db = new DatabaseSync(path);
    db.exec("begin immediate; rollback");
    const tables = db.prepare("select name from sqlite_master where type = 'table'").all().map(({ name }) =>
      String(name)
    );
    const foreign = tables.find((name) => !KV_TABLES.has(name) && !name.startsWith("sqlite_"));
    if (foreign !== undefined) {
      throw new UsageError(
        `Cannot use '${path}' as it is another program's database (it has a table '${foreign}'): ` +
          "move it away, or give another --storage-dir",
      );
    }
    const faults = db.prepare("pragma quick_check(1)").all().map(({ quick_check }) => String(quick_check));
    return faults.find((text) => text !== "ok");
  } catch (error) {
    if (isGarbled(error)) return messageOf(error);
    throw error instanceof UsageError ? error : refusal(dir, error);
  }
}

function isGarbled(error: unknown): boolean {
  return reasonOf(error) === "garbled";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const WHAT_TO_DO: Readonly<Partial<Record<FailureReason, string>>> = {
  full: "free some space on its disk",
  locked: "stop the process that has the file locked",
};

function refusal(dir: string, error: unknown): UsageError {
  const todo = WHAT_TO_DO[reasonOf(error)] ?? "give a directory that this user may write to";
  return new UsageError(`Cannot open the store in '${dir}' (${messageOf(error)}): ${todo}`, { cause: error });
}
