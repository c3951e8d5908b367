/**
 * The ids of clusters that may no longer push, from a file that is read again when it changes.
 *
 * @module
 */

import type { Logger } from "../../common/log.ts";
import { WatchedFile } from "../../common/watched_file.ts";
import { WatchedValue } from "../../common/watched_value.ts";
import { appendRevoked } from "./revoked_list.ts";

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

/** The longest list that is read, in bytes: a million ids of 60 bytes. */
const LIST_LIMIT_BYTES = 64 * 1024 * 1024;
/** How many lines are read without a pause. */
const LINES_AT_ONCE = 10_000;
/** The file is looked at no more often: a change takes effect within this time. */
const LOOK_INTERVAL_MS = 1_000;

/** The ids in a file; see {@linkcode parseRevoked} for its form. A file that goes bad later leaves the last list in force. */
export class RevokedIds {
  readonly #list: WatchedValue<ReadonlySet<string>>;
  readonly #path: string;
  readonly #now: () => number;
  #lookedMs: number;
  #adding: Promise<void> = Promise.resolve();

  private constructor(path: string, { list, now }: { list: WatchedValue<ReadonlySet<string>>; now: () => number }) {
    this.#path = path;
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
      files: [new WatchedFile(path, { limitBytes: LIST_LIMIT_BYTES })],
      parse: async (text) => {
        const ids = await parseRevoked(text);
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
    return new RevokedIds(path, { list, now });
  }

  /** How many ids are revoked. */
  get size(): number {
    return this.#list.current.size;
  }

  /** True if `id` is revoked, by the file as it was at most a second ago. */
  async has(id: string): Promise<boolean> {
    return (await this.ids()).has(id);
  }

  /**
   * Adds an id to the file, from which on it is revoked; one that is revoked already stays so.
   *
   * @throws {SyntaxError} if the last line of the file is cut; and whatever writing it throws.
   */
  add(id: string): Promise<void> {
    const added = this.#adding.then(async () => {
      await this.#list.check();
      if (this.#list.current.has(id)) return;
      await appendRevoked(this.#path, id);
      // A look that has begun before may have missed it.
      if (!(await this.#list.check()).has(id) && !(await this.#list.check()).has(id)) {
        throw new SyntaxError("the id was added, but the list cannot be read as a whole: the log says why");
      }
    });
    this.#adding = added.catch(() => {});
    return added;
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
 * @throws {SyntaxError} if a line is no JSON string though it starts like one, or holds what no id has unless in a JSON string,
 *   with its number; or if the last line is cut: it ends without a line feed.
 */
export async function parseRevoked(text: string): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  if (text !== "" && !text.endsWith("\n")) {
    throw new SyntaxError(
      "Cannot take a list of revoked ids whose last line has no line feed: it may be cut short; end it with one if it is whole",
    );
  }
  const isOdd = ODD.test(text);
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    // Requests need not wait for the end of a long list.
    if (i % LINES_AT_ONCE === LINES_AT_ONCE - 1) await new Promise((resolve) => setTimeout(resolve));
    const line = lines[i].trim();
    if (line === "" || line.startsWith("#")) continue;
    ids.add(line.startsWith('"') ? quoted(line, i + 1) : isOdd ? plain(line, i + 1) : line);
  }
  return ids;
}

/** What is in no usual list: looking at each of a million lines for that takes a second. */
// deno-lint-ignore no-control-regex
const ODD = /[\0-\t\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]|[^\S\n]#|\r(?!\n)/;

/** What would be taken for a part of an id, and so revoke nobody. */
const NO_PART_OF_AN_ID: readonly [pattern: RegExp, what: string][] = [
  [/\0/, "holds a NUL byte: the file may be damaged, or in UTF-16"],
  [/\ufffd/, "is not UTF-8"],
  [/\p{Cc}/u, "holds a control character: end lines by line feeds, and write such an id as a JSON string"],
  [/\s#/, "has a comment behind an id: give it a line of its own, or write such an id as a JSON string"],
];

function plain(line: string, number: number): string {
  const fault = NO_PART_OF_AN_ID.find(([pattern]) => pattern.test(line));
  if (fault === undefined) return line;
  throw new SyntaxError(`Cannot read the list of revoked ids: line ${number} ${fault[1]}`);
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
