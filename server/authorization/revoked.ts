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
    let held = 0;
    const list = await WatchedValue.open<ReadonlySet<string>>({
      files: [new WatchedFile(path)],
      parse: (text) => {
        const ids = parseRevoked(text);
        // A file that is being written, or was lost, must not let anybody back in.
        if (held > 0 && ids.size === 0 && !/^# *none *\r?$/m.test(text)) {
          throw new SyntaxError("Cannot take an empty list of revoked ids: write a line '# none' to revoke none");
        }
        held = ids.size;
        return ids;
      },
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
    return (await this.ids()).has(id);
  }

  /** All revoked ids, by the file as it was at most a second ago. */
  async ids(): Promise<ReadonlySet<string>> {
    const atMs = this.#now();
    if (atMs - this.#lookedMs >= LOOK_INTERVAL_MS) {
      await this.#list.check();
      this.#lookedMs = atMs;
    }
    return this.#list.current;
  }
}

/**
 * Reads a list of ids: one a line, without the blanks about it. Empty lines and lines that start with `#` are skipped. A line
 * that starts with `"` is a JSON string, for ids that hold a newline or a blank at an end, or start with one of those two.
 *
 * @throws {SyntaxError} if such a line is no JSON string, with its number; or if the last line is cut: it ends without a line
 *   feed.
 */
export function parseRevoked(text: string): ReadonlySet<string> {
  const ids = new Set<string>();
  if (text !== "" && !text.endsWith("\n")) {
    throw new SyntaxError("Cannot take a list of revoked ids whose last line has no line feed: it may be cut short");
  }
  for (const [i, written] of text.split("\n").entries()) {
    const line = written.trim();
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
