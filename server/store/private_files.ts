/**
 * Keeps the embedded store its owner's alone, whatever the umask is and whoever made its files.
 *
 * @module
 */

import { join } from "node:path";
import {
  chmodCommand,
  isReadable,
  isWritable,
  lookAt,
  modeText,
  openFoldersAbove,
  openTo,
  ownUid,
} from "../../common/exposure.ts";
import type { Logger } from "../../common/log.ts";

const OPTION = "--storage-dir";

/** Makes a file for its owner alone if there is none. What SQLite makes beside a database has the database's mode. */
export function makePrivate(path: string): void {
  try {
    Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

/** Closes the files of a directory whose names start so, and tells of what cannot be closed, or is not ours to close. */
export async function closeToOthers(
  dir: string,
  { prefix, log, uid = ownUid() }: { readonly prefix: string; readonly log: Logger; readonly uid?: number },
): Promise<void> {
  for await (const { name, isFile } of Deno.readDir(dir)) {
    if (isFile && name.startsWith(prefix)) await closeFile(join(dir, name), { log, uid });
  }
  const info = lookAt(dir);
  const bits = info === undefined ? 0 : openTo(info, { uid });
  if (info !== undefined && bits !== 0) {
    log.warn("Other users of this machine can look into the storage directory", {
      option: OPTION,
      directory: dir,
      mode: modeText(info),
      run: chmodCommand(dir, bits),
    });
  }
  for (const { path, info } of openFoldersAbove(dir)) {
    log.warn("Other users of this machine can replace the storage directory, as they may write to a folder above it", {
      option: OPTION,
      folder: path,
      mode: modeText(info),
      run: chmodCommand(path, 0o002),
    });
  }
}

async function closeFile(path: string, { log, uid }: { log: Logger; uid: number | undefined }): Promise<void> {
  const info = lookAt(path);
  if (info?.mode === undefined || info.mode === null || (info.mode & 0o777) === 0o600) return;
  try {
    await Deno.chmod(path, 0o600);
  } catch {
    // It belongs to somebody else.
    const bits = openTo(info, { uid });
    if (!isReadable(bits) && !isWritable(bits)) return;
    log.warn("Other users of this machine can read a file of the store", {
      option: OPTION,
      file: path,
      mode: modeText(info),
      run: chmodCommand(path, bits),
    });
  }
}
