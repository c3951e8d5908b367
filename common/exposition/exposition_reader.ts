/**
 * Reads a page of text: what the Prometheus text format and OpenMetrics have in common.
 *
 * @module
 */

import { FamilyAssembler, type FamilyKind } from "./family_assembly.ts";
import { type MetricFamily, SeriesLimitError } from "./metric_family.ts";
import type { PageOptions } from "./page_cursor.ts";
import { plainText } from "../plain_text.ts";
import { atOnce, type Steps } from "../steps.ts";
import { SampleCursor } from "./sample_line.ts";

const HASH = 0x23;

/** How much of a page is read in one step: 2 ms' worth where every line is slow to read. */
const STEP_LENGTH = 16_384;

/** What one format has of its own. */
export interface Dialect {
  /** The format, as messages name it. */
  readonly format: string;
  /** The type that a word of `# TYPE` stands for, given the name; undefined if none. */
  readonly kindOf: (word: string, name: string) => FamilyKind | undefined;
  /** What a help text says. */
  readonly unescapeHelp: (text: string) => string;
  /** Reads the time of a sample, and whatever else stands behind its value. */
  readonly timestamp: (cursor: SampleCursor) => number | undefined;
  /** Whether `# EOF` ends a page, and a page without is cut short. */
  readonly hasEnd: boolean;
}

/**
 * Reads a page in a dialect.
 *
 * @throws {SyntaxError} if the page is not in the format or not UTF-8, with the line and the offset in bytes.
 * @throws {LimitError} if it holds more than a limit allows; each line counts as a series.
 */
export function readExposition(
  bytes: Uint8Array,
  { dialect, options }: { dialect: Dialect; options: PageOptions },
): MetricFamily[] {
  return atOnce(readExpositionSteps(bytes, { dialect, options }));
}

/** The same in steps. Nothing is read before the first. */
export function* readExpositionSteps(
  bytes: Uint8Array,
  { dialect, options }: { dialect: Dialect; options: PageOptions },
): Steps<MetricFamily[]> {
  return yield* new ExpositionReader(bytes, { dialect, options }).read();
}

/** Reads one page line by line. */
class ExpositionReader {
  readonly #dialect: Dialect;
  readonly #options: PageOptions;
  readonly #cursor: SampleCursor;
  readonly #assembler: FamilyAssembler;
  #series = 0;
  #isEnded = false;

  constructor(bytes: Uint8Array, { dialect, options }: { dialect: Dialect; options: PageOptions }) {
    this.#dialect = dialect;
    this.#options = options;
    this.#cursor = new SampleCursor(bytes, { format: dialect.format, options });
    this.#assembler = new FamilyAssembler(this.#cursor);
  }

  *read(): Steps<MetricFamily[]> {
    const cursor = this.#cursor;
    let pauseAt = STEP_LENGTH;
    while (cursor.nextLine()) {
      if (this.#isEnded) cursor.refuse("something follows # EOF");
      if (cursor.peek() !== HASH) this.#sample();
      else if (!cursor.isTooLong) this.#comment();
      if (cursor.end < pauseAt) continue;
      pauseAt = cursor.end + STEP_LENGTH;
      yield;
    }
    if (this.#dialect.hasEnd && !this.#isEnded) {
      cursor.refuse("the page ends without # EOF: it is cut short", cursor.end);
    }
    return yield* this.#assembler.finish();
  }

  #comment() {
    const cursor = this.#cursor;
    if (this.#dialect.hasEnd && cursor.rest() === "# EOF") {
      this.#isEnded = true;
      return;
    }
    cursor.at++;
    cursor.blanks();
    const keyword = cursor.word();
    if (keyword !== "TYPE" && keyword !== "HELP" && (keyword !== "UNIT" || !this.#dialect.hasEnd)) return;
    cursor.blanks();
    // Go passes over a comment that ends here or behind the name.
    if (cursor.isAtEnd) return;
    const name = cursor.commentName();
    if (name === undefined) {
      // Samples of such a name have a fault themselves.
      if (this.#options.onFault === undefined) cursor.refuse(`a # ${keyword} has a name that no metric can have`);
      return;
    }
    if (name.length > (this.#options.maxNameBytes ?? Infinity)) return;
    cursor.blanks();
    if (keyword === "HELP") {
      const help = cursor.rest();
      if (help !== "") this.#assembler.help(name, this.#dialect.unescapeHelp(help));
    } else if (cursor.isAtEnd) return;
    else if (keyword === "TYPE") this.#type(name, cursor.rest().trimEnd().toLowerCase());
    else this.#unit(name, cursor.rest());
  }

  #type(name: string, word: string) {
    const kind = this.#dialect.kindOf(word, name);
    if (kind === undefined && this.#options.onFault === undefined) {
      this.#cursor.refuse("this is not a type of metric");
    }
    this.#assembler.type(name, kind ?? { word: plainText(word), type: undefined });
  }

  /** Prometheus refuses a page with a unit that its name does not end in. */
  #unit(name: string, unit: string) {
    if (name.endsWith(`_${unit}`)) this.#assembler.unit(name, unit);
  }

  #sample() {
    const cursor = this.#cursor;
    if (this.#series++ === this.#options.maxSeries) {
      throw new SeriesLimitError(this.#options.maxSeries);
    }
    if (cursor.isTooLong) return cursor.leaveOutLong();
    const { name, labels } = cursor.series();
    const value = cursor.value();
    cursor.blanks();
    const timestampMs = cursor.isAtEnd ? undefined : this.#dialect.timestamp(cursor);
    this.#assembler.add({ name, labels, value, timestampMs });
  }
}
