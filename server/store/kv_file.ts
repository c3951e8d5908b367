/**
 * The embedded store's file: locked, inspected, replaced when it is garbled, and opened.
 *
 * @module
 */

import { join } from "node:path";
import { messageOf } from "../../common/explain.ts";
import type { Logger } from "../../common/log.ts";
import { fileReason } from "../../common/named_path.ts";
import { UsageError } from "../../common/options.ts";
import { inspect } from "./inspect.ts";
import { closeToOthers, makePrivate } from "./private_files.ts";
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
/** What the names of the store's files start with. */
const PREFIX = "telemeter.";

const NOT_WRITABLE = "give a --storage-dir that this user may write to";
const WHAT_TO_DO: Readonly<Partial<Record<FailureReason, string>>> = {
  io: "check that its disk has room and works, and that this user may write there",
  full: "free some space on its disk",
  locked: "stop the process that has the file locked",
};
/**
 * Opens the store's file in a directory, creating both; they are then only for their owner. A file that was there before
 * becomes so; of a directory that others can look into it tells.
 *
 * A garbled file is renamed to `telemeter.kv.corrupt-TIME`, and what can still be read of it goes into a new one.
 *
 * @throws {UsageError} if another process uses the directory, the file is another program's, or the system refuses.
 */
export async function openKvFile(dir: string, { log, now, onSetAside }: KvFileOptions): Promise<OpenKv> {
  const path = join(dir, FILE);
  using stack = new DisposableStack();
  stack.use(await lock(dir));
  await closeToOthers(dir, { prefix: PREFIX, log });
  resume(path);
  const isEmpty = sizeOf(path) === 0;
  let kv: Deno.Kv | undefined;
  let fault: string | undefined;
  try {
    fault = inspect(path);
    if (fault === undefined) {
      makePrivate(path);
      kv = await Deno.openKv(path);
    }
  } catch (error) {
    if (!isGarbled(error)) throw error instanceof UsageError ? error : refusal(dir, error);
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
  if (isEmpty && fault === undefined) {
    log.warn("Found the store file empty, and starts with nothing stored", { file: path });
  }
  const opened = kv;
  // Measured by the end of open files, as a server keeps no permission to look at any. Closed after the database: see lock().
  const files = PARTS.filter((part) => sizeOf(path + part) >= 0).map((part) => stack.use(Deno.openSync(path + part)));
  const held = stack.move();
  return {
    kv: opened,
    location: path,
    fileBytes: () => files.reduce((sum, file) => sum + file.seekSync(0, Deno.SeekMode.End), 0),
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
    if (error instanceof Deno.errors.NotCapable) throw refusal(dir, error);
    const isFile = error instanceof Deno.errors.AlreadyExists || error instanceof Deno.errors.NotADirectory;
    const todo = isFile ? "a directory is wanted: name another --storage-dir" : NOT_WRITABLE;
    throw new UsageError(`Cannot open the store in '${dir}' (${fileReason(error, "write")}): ${todo}`, {
      cause: error,
    });
  }
  if (await file.tryLock(true)) return file;
  file.close();
  throw new UsageError(
    `Cannot use the storage directory '${dir}' as another server uses it: stop that one, or give each its own --storage-dir`,
  );
}

function isGarbled(error: unknown): boolean {
  return reasonOf(error) === "garbled";
}

function refusal(dir: string, error: unknown): UsageError {
  if (error instanceof Deno.errors.NotCapable && error.message.startsWith("Requires all access")) {
    return new UsageError(
      `Cannot open the store in '${dir}': it is in one of the system's own directories: give a --storage-dir on a disk, such as data/`,
      { cause: error },
    );
  }
  const todo = WHAT_TO_DO[reasonOf(error)] ??
    (error instanceof Deno.errors.NotCapable ? "start with that permission" : "move the store's files away from there");
  return new UsageError(`Cannot open the store in '${dir}' (${fileReason(error, "write")}): ${todo}`, { cause: error });
}
