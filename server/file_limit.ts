/**
 * Connections are files, and a process may open so many: more of them would keep the server from everything else.
 *
 * @module
 */

import type { Logger } from "../common/log.ts";

/** Files for all else: connections that the kernel hands over at once, the other listeners, the ring, the store, upstreams. */
const OTHER_FILES = 1_024;

/**
 * How many connections the external listener may have: as many as it is to, unless the process may not open the files for them
 * beside others. Then it says so.
 */
export function withinFiles(limitConnections: number, { log }: { log: Logger }): number {
  const files = openableFiles(limitConnections + OTHER_FILES);
  const connections = Math.min(limitConnections, Math.max(files - OTHER_FILES, Math.floor(files / 2)));
  if (connections < limitConnections) {
    log.warn(
      "Takes fewer connections than --limit-connections says, as it may not open more files: raise the limit of open files",
      { connections, files },
    );
  }
  return connections;
}

/** How many more files the process may open, up to `most`. No permission tells, so it tries: that takes some 10 µs each. */
function openableFiles(most: number): number {
  const files: Deno.FsFile[] = [];
  try {
    while (files.length < most) files.push(Deno.openSync("/dev/null"));
  } catch (error) {
    // Where it may not try, or there is no such file, nobody knows.
    if (!(error instanceof Error) || !/\(os error 2[34]\)/.test(error.message)) return most;
  } finally {
    for (const file of files) file.close();
  }
  return files.length;
}
