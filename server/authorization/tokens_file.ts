/**
 * Who may push, by a file of initial tokens: an authorizer for those who have none. Each line has the id of a cluster and the
 * hash of its token, as `deno task token ID` makes them.
 *
 * ```
 * # where the clusters of the north are
 * north-1 sha256:5b0c2f…
 * north-1 sha256:77aa01…      a second token of the same cluster, while it is changed
 * "two words" sha256:9e3d40…  an id as a JSON string
 * ```
 *
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";
import type { Logger } from "../../common/log.ts";
import { WatchedFile } from "../../common/watched_file.ts";
import { WatchedValue } from "../../common/watched_value.ts";
import { type Authorization, AuthorizationRefused, type Authorizer } from "./authorizer.ts";
import { isLabelValue } from "./tokens.ts";

/** The hashes of the tokens of each cluster. */
export type TokenHashes = ReadonlyMap<string, readonly Uint8Array[]>;

/** How {@linkcode TokensFile} works. */
export interface TokensFileOptions {
  /** Told when the list changes, and when it cannot be read. */
  readonly log: Logger;
  /**
   * The time, in milliseconds of a clock that does not go back.
   *
   * @default {() => performance.now()}
   */
  readonly now?: () => number;
}

/** The longest list that is read, in bytes: a hundred thousand clusters with ids of 60 bytes. */
const LIST_LIMIT_BYTES = 16 * 1024 * 1024;
/** How many lines are read without a pause. */
const LINES_AT_ONCE = 10_000;
/** The file is looked at no more often: a change takes effect within this time. */
const LOOK_INTERVAL_MS = 1_000;

/** The tokens in a file; see {@linkcode parseTokenHashes} for its form. A file that goes bad later leaves the last list in force. */
export class TokensFile implements Authorizer {
  readonly #list: WatchedValue<TokenHashes>;
  readonly #now: () => number;
  #lookedMs: number;

  private constructor(list: WatchedValue<TokenHashes>, now: () => number) {
    this.#list = list;
    this.#now = now;
    this.#lookedMs = now();
  }

  /**
   * Reads the file for the first time.
   *
   * @throws {SyntaxError} if it is not in the form of {@linkcode parseTokenHashes}; and whatever reading it throws.
   */
  static async open(path: string, { log, now = () => performance.now() }: TokensFileOptions): Promise<TokensFile> {
    let held = 0;
    const list = await WatchedValue.open<TokenHashes>({
      files: [new WatchedFile(path, { limitBytes: LIST_LIMIT_BYTES })],
      parse: async (text) => {
        const hashes = await parseTokenHashes(text);
        // A file that is being written, or was lost, must not shut everybody out.
        if (held > 0 && hashes.size === 0 && !/^# *none *\r?$/m.test(text)) {
          throw new SyntaxError("Cannot take an empty list of tokens: write a line '# none' to let in none");
        }
        held = hashes.size;
        return hashes;
      },
      onTakenUp: ({ size }) => log.info("Read the changed list of tokens", { clusters: size }),
      onFault: (reason) => log.error("Cannot read the list of tokens: the last one stays in force", { reason }),
    });
    return new TokensFile(list, now);
  }

  /** How many clusters have a token. */
  get size(): number {
    return this.#list.current.size;
  }

  /**
   * Lets in a token that is in the file for that cluster, as the file was at most a second ago.
   *
   * @throws {AuthorizationRefused} with 401, whether it is the token or the cluster that is not known.
   */
  async authorize(token: string, clusterId: string): Promise<Authorization> {
    const nowMs = this.#now();
    if (nowMs - this.#lookedMs >= LOOK_INTERVAL_MS) {
      await this.#list.check();
      this.#lookedMs = nowMs;
    }
    const hash = hashOf(token);
    // Every hash is compared, and one where there is none, so that time tells nothing.
    const known = this.#list.current.get(clusterId) ?? [NO_HASH];
    const matches = known.map((other) => timingSafeEqual(hash, other));
    if (!matches.includes(true)) throw new AuthorizationRefused(401);
    return { accountId: clusterId };
  }
}

/** No token has it. */
const NO_HASH = new Uint8Array(32);

function hashOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}

/** A new token: 256 random bits, which nobody can guess from its hash. The prefix is for those who look for leaked secrets. */
export function newToken(): string {
  return `telemeter_${
    crypto.getRandomValues(new Uint8Array(32)).toBase64({ alphabet: "base64url", omitPadding: true })
  }`;
}

/** The line that lets a token speak for a cluster, with its line feed. */
export function tokenLine(id: string, token: string): string {
  const written = PLAIN_ID.test(id) ? id : JSON.stringify(id);
  return `${written} sha256:${hashOf(token).toHex()}\n`;
}

/** An id that needs no quotes. */
const PLAIN_ID = /^[^\s\p{Cc}\ufffd"#*][^\s\p{Cc}\ufffd]*$/u;

const LINE = /^(\S+|"(?:[^"\\]|\\.)*")[ \t]+sha256:([0-9a-f]{64})$/;

/**
 * Reads a list of tokens. Empty lines and lines that start with `#` are skipped; each other one has an id, or an id as a JSON
 * string, and behind it `sha256:` with 64 hexadecimal digits. A cluster may have several lines. There is no id that stands for all.
 *
 * @throws {SyntaxError} with the number of a line that is not in that form; or if the last line is cut: it ends without a line feed.
 */
export async function parseTokenHashes(text: string): Promise<TokenHashes> {
  const hashes = new Map<string, Uint8Array[]>();
  if (text !== "" && !text.endsWith("\n")) {
    throw new SyntaxError(
      "Cannot take a list of tokens whose last line has no line feed: it may be cut short; end it with one if it is whole",
    );
  }
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    // Requests need not wait for the end of a long list.
    if (i % LINES_AT_ONCE === LINES_AT_ONCE - 1) await new Promise((resolve) => setTimeout(resolve));
    const line = lines[i].trim();
    if (line === "" || line.startsWith("#")) continue;
    const [, written = "", digits = ""] = LINE.exec(line) ?? [];
    const id = written.startsWith('"') ? quoted(written) : PLAIN_ID.test(written) ? written : undefined;
    if (id === undefined || id === "" || !isLabelValue(id)) {
      throw new SyntaxError(
        `Cannot read the list of tokens: line ${i + 1} is not ID sha256:HASH, as \`deno task token ID\` writes it`,
      );
    }
    const hash = Uint8Array.fromHex(digits);
    const known = hashes.get(id);
    if (known === undefined) hashes.set(id, [hash]);
    else known.push(hash);
  }
  return hashes;
}

function quoted(text: string): string | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
