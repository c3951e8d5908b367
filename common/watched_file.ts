/**
 * Files that may change while a program runs: certificates, keys, tokens, lists.
 *
 * @module
 */

import { UnreadableFileError } from "./named_path.ts";
import { mustBeRegular, type ReadOptions } from "./regular_file.ts";

/** What of a file's state tells that its content may have changed. */
interface Stamp {
  readonly mtimeMs: number;
  readonly size: number;
  readonly ino: number | null;
  readonly dev: number;
}

/**
 * How old a file's last change must be for its time stamp to vouch for the content: two writes within the grain of a
 * file system's clock (some ms on Linux, more on network mounts) leave the same stamp.
 */
const GRAIN_MS = 2_000;

/** A file that is read again only when it changed. Nothing is read before the first call, and no timer runs. */
export class WatchedFile {
  /** The file's path, as it was given. */
  readonly path: string;
  readonly #options: ReadOptions;
  #stamp: Stamp | undefined;
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  #text: string | undefined;
  #reading: Promise<Uint8Array<ArrayBuffer>> | undefined;

  /** Watches the file at `path`, which need not exist yet. */
  constructor(path: string, options: ReadOptions = {}) {
    this.path = path;
    this.#options = options;
  }

  /**
   * The content now. The same array is returned, not to be written to, until the file changes.
   *
   * @throws {UnreadableFileError} if the file cannot be read, with a sentence that names it.
   */
  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    // One reading at a time, so that an older one never overwrites a newer one.
    this.#reading ??= this.#refresh().finally(() => this.#reading = undefined);
    return this.#reading;
  }

  /**
   * The content now, as UTF-8 text without a byte order mark; bytes that are not UTF-8 become U+FFFD.
   *
   * @throws {UnreadableFileError} as {@linkcode WatchedFile.bytes} does.
   */
  async text(): Promise<string> {
    const bytes = await this.bytes();
    return this.#text ??= new TextDecoder().decode(bytes);
  }

  async #refresh(): Promise<Uint8Array<ArrayBuffer>> {
    try {
      // The state is taken before the content: a change in between shows at the next call.
      const stamp = this.#look();
      if (this.#bytes !== undefined && this.#stamp !== undefined && same(stamp, this.#stamp)) return this.#bytes;
      const bytes = await Deno.readFile(this.path);
      this.#stamp = Math.abs(Date.now() - stamp.mtimeMs) < GRAIN_MS ? undefined : stamp;
      if (this.#bytes !== undefined && equal(bytes, this.#bytes)) return this.#bytes;
      this.#text = undefined;
      return this.#bytes = bytes;
    } catch (cause) {
      throw new UnreadableFileError(this.path, cause);
    }
  }

  #look(): Stamp {
    // At once: to have another thread do it, which would have to be started, takes a hundred times as long.
    const info = Deno.statSync(this.path);
    mustBeRegular(this.path, info, this.#options);
    const { mtime, size, ino, dev } = info;
    return { mtimeMs: mtime?.getTime() ?? Date.now(), size, ino, dev };
  }
}

function same(a: Stamp, b: Stamp): boolean {
  return a.mtimeMs === b.mtimeMs && a.size === b.size && a.ino === b.ino && a.dev === b.dev;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  // Every() takes ten times as long, which shows where a list has a million lines.
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
