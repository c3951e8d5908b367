/**
 * Reading files that a user names, which may turn out to be something else: a pipe, a folder, a device that never ends.
 *
 * @module
 */

/** The longest file that is read unless told otherwise, in bytes. */
export const LIMIT_BYTES: number = 16 * 1024 * 1024;

/** How a file is read. */
export interface ReadOptions {
  /**
   * The longest file that is read, in bytes.
   *
   * @default {LIMIT_BYTES}
   */
  readonly limitBytes?: number;
}

/**
 * Throws what is wrong with a file before it is opened: a pipe that nobody writes to would be waited for without end.
 *
 * @throws {TypeError} if it is a pipe, a socket or a device; `/dev/null` is as good as an empty file.
 * @throws {RangeError} if it is too long.
 */
export function mustBeRegular(
  path: string,
  info: Deno.FileInfo,
  { limitBytes = LIMIT_BYTES }: ReadOptions = {},
): void {
  // A folder is for the system to refuse, which says so in its own words.
  if (!info.isFile && !info.isDirectory && path !== "/dev/null") {
    throw new TypeError("it is a pipe, a socket or a device: name a file");
  }
  if (info.isFile && info.size > limitBytes) {
    throw new RangeError(`it is longer than ${limitBytes} bytes: shorten it, or name another`);
  }
}

/**
 * Reads a whole file.
 *
 * @throws as {@linkcode mustBeRegular} does, and what the system says.
 */
export async function readRegularFile(path: string, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  mustBeRegular(path, await Deno.stat(path), options);
  return await Deno.readFile(path);
}
