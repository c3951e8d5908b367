/**
 * The ids of clusters that may no longer push, from a file that is read again when it changes.
 *
 * @module
 */

import type { Logger } from "../../common/log.ts";
import { WatchedFile } from "../../common/watched_file.ts";
import { WatchedValue } from "../../common/watched_value.ts";

/** How {@linkcode RevokedIds} works. */
export interface RevokedIdsOptions {
  /** Told when the list changes, and when it cannot be read. */
  readonly log: Logger;
  /**
   * The time, in milliseconds of a clock that does not go back.
   *
   * @default {() => performance.now()}
   */
  readonly now?: () => number;
}

/** The file is looked at no more often: a change takes effect within this time. */
const LOOK_INTERVAL_MS = 1_000;

/** The ids in a file; see {@linkcode parseRevoked} for its form. A file that goes bad later leaves the last list in force. */
export class RevokedIds {
  readonly #list: WatchedValue<ReadonlySet<string>>;
  readonly #now: () => number;
  #lookedMs: number;

  private constructor(list: WatchedValue<ReadonlySet<string>>, now: () => number) {
    this.#list = list;
    this.#now = now;
    this.#lookedMs = now();
  }

  /**
   * Reads the file for the first time.
   *
   * @throws {SyntaxError} if it is not in the form of {@linkcode parseRevoked}; and whatever reading it throws.
   */
  static async open(path: string, { log, now = () => performance.now() }: RevokedIdsOptions): Promise<RevokedIds> {
    const list = await WatchedValue.open({
      files: [new WatchedFile(path)],
      parse: parseRevoked,
      onTakenUp: ({ size }) => log.info("Read the changed list of revoked ids", { ids: size }),
      onFault: (reason) => log.error("Cannot read the list of revoked ids: the last one stays in force", { reason }),
    });
    return new RevokedIds(list, now);
  }

  /** How many ids are revoked. */
  get size(): number {
    return this.#list.current.size;
  }

  /** True if `id` is revoked, by the file as it was at most a second ago. */
  async has(id: string): Promise<boolean> {
    const atMs = this.#now();
    if (atMs - this.#lookedMs >= LOOK_INTERVAL_MS) {
      await this.#list.check();
      this.#lookedMs = atMs;
    }
    return this.#list.current.has(id);
  }
}

/**
 * Reads a list of ids: one a line. Empty lines and lines that start with `#` are skipped. A line that starts with `"` is a JSON
 * string, for ids that hold a newline or start with one of those two.
 *
 * @throws {SyntaxError} if such a line is no JSON string, with its number.
 */
export function parseRevoked(text: string): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line === "" || line.startsWith("#")) continue;
    ids.add(line.startsWith('"') ? quoted(line, i + 1) : line);
  }
  return ids;
}

function quoted(line: string, number: number): string {
  try {
    return JSON.parse(line);
  } catch {
    throw new SyntaxError(
      `Cannot read the list of revoked ids: line ${number} starts with '"' but is not a JSON string`,
    );
  }
}
