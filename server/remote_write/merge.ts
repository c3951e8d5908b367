/**
 * Merges what a cluster shows with what came later: deltas, of which each says something of some of its series.
 *
 * Of each series the newest time stands, and of two equally new samples the later; where that is its end, nothing of it does, whether
 * what is older comes before or after it. A series is named by all of its line that comes
 * before the value. A native histogram is a series by itself, beside lines of the same names. Histograms and summaries of a push
 * are samples of several lines; where a delta has one of those lines by itself, the sample falls apart into single lines.
 *
 * Pure: the result depends on the arguments alone.
 *
 * @module
 */

import { isDistribution, type MetricType } from "../../common/exposition/metric_family.ts";
import type { Block, NativeSample } from "../../common/ingest/ingested_push.ts";
import type { EntryContent } from "../exposition/exposition_index.ts";
import type { Delta } from "./delta.ts";
import type { EndedAt } from "./end_times.ts";
import { LineTable } from "./line_table.ts";
import { layOut, type LayoutOptions, type Lines, type MergedFamily, type Units } from "./merged_content.ts";
import { replacementOf } from "./replacement.ts";
import { keyEnd, lastLine, LINE, lineName, linesOf, NATIVE, samplesOf } from "./sample_lines.ts";

/** What a merge goes by. */
export interface MergeOptions extends LayoutOptions {
  /** When series ended before, for what came later; none of what the cluster shows did. @default none ended */
  readonly endedAt?: EndedAt;
}

const LINE_FEED = 0x0a;

/** Merges, one time after the other, in memory that it uses again. */
export class Merger {
  readonly #table = new LineTable();
  readonly #units: Units = {
    source: new Int32Array(1_024),
    start: new Uint32Array(1_024),
    end: new Uint32Array(1_024),
    ms: new Float64Array(1_024),
    family: new Int32Array(1_024),
    lines: new Int32Array(1_024),
    native: new Int32Array(1_024),
  };
  #count = 0;
  #sources: Lines[] = [];
  #families: MergedFamily[] = [];
  #byName = new Map<string, number>();
  /** Natives of each source, by block. */
  #natives: NativeSample[] = [];
  /** When series end, by their keys. */
  readonly #ends = new Map<number, number>();
  #endedAt: EndedAt | undefined;
  /** Whether any is known to have ended: most merges have nothing to ask. */
  #mayBeEnded = false;
  /** The first source that came later than what is shown. */
  #firstLater = 0;

  /** Merges deltas, in their order, into what a cluster shows. The buffer of the result is a new one, or that of a single delta. */
  merge(shown: Lines | undefined, deltas: readonly Delta[], options: MergeOptions): EntryContent {
    const isSimple = deltas.length === 1 && options.endedAt === undefined;
    const replacement = isSimple ? replacementOf(shown, deltas[0], options) : undefined;
    if (replacement !== undefined) return replacement;
    this.#open([
      ...shown === undefined ? [] : [shown],
      ...deltas.flatMap(({ values, ended }) => ended ? [values, ended] : [values]),
    ]);
    let source = 0;
    this.#endedAt = options.endedAt;
    this.#mayBeEnded = options.endedAt !== undefined || deltas.some(({ ended }) => ended !== undefined);
    this.#firstLater = shown === undefined ? 0 : 1;
    if (shown !== undefined) this.#add(source++);
    for (const { ended, types } of deltas) {
      this.#add(source++);
      if (ended !== undefined) this.#end(source++);
      for (const [name, type] of types ?? []) this.#setType(name, type);
    }
    const merged = layOut(
      {
        units: this.#units,
        count: this.#count,
        sources: this.#sources,
        families: this.#families,
        natives: this.#natives,
      },
      options,
    );
    this.#open([]);
    return merged;
  }

  #open(sources: Lines[]) {
    this.#sources = sources;
    this.#table.open(sources.map(({ text }) => text));
    this.#count = 0;
    this.#families = [];
    this.#byName = new Map();
    this.#natives = [];
    this.#ends.clear();
    this.#endedAt = undefined;
  }

  /** Takes in the samples of a source. */
  #add(source: number) {
    const { text, blocks } = this.#sources[source];
    for (const block of blocks) {
      const family = this.#familyOf(block);
      if (!isDistribution(block.type)) this.#addLines(source, { block, family });
      else {
        for (const { start, end, ms, native } of samplesOf(this.#sources[source], block)) {
          if (native !== undefined) this.#addNative({ source, start, end, ms, family }, native);
          else this.#addCompound({ source, start, end, ms, family, text });
        }
      }
    }
  }

  /** Takes in the samples of a block that are a line each. */
  #addLines(source: number, { block, family }: { block: Block; family: number }) {
    const { text, runs, baseMs } = this.#sources[source];
    for (let run = block.firstRun, start = block.start; run < block.endRun; run++) {
      const ms = baseMs + runs[2 * run];
      for (const runEnd = runs[2 * run + 1]; start < runEnd;) {
        const end = text.indexOf(LINE_FEED, start) + 1;
        this.#addLine(this.#table.place(source, start, keyEnd(text, end), LINE), { source, start, end, ms, family });
        start = end;
      }
    }
  }

  /** Ends the series of which a source has samples. */
  #end(source: number) {
    const { text, blocks } = this.#sources[source];
    for (const block of blocks) {
      for (const { start, end, ms, native } of samplesOf(this.#sources[source], block)) {
        const from = native === undefined ? start : lastLine(text, { start, end });
        const key = this.#table.place(source, from, keyEnd(text, end), native === undefined ? LINE : NATIVE);
        if (this.#isCompound(this.#table.get(key))) this.#dissolve(this.#table.get(key));
        this.#ends.set(key, Math.max(ms, this.#ends.get(key) ?? -Infinity));
        const unit = this.#table.get(key);
        // Their columns may have grown meanwhile.
        if (unit < 0 || this.#units.ms[unit] > ms) continue;
        this.#drop(unit);
        this.#table.set(key, -1);
      }
    }
  }

  #addLine(key: number, place: Place) {
    if (this.#isCompound(this.#table.get(key))) this.#dissolve(this.#table.get(key));
    this.#replace(key, place, { lines: 1, native: -1 });
  }

  /** Has a unit known by a key, unless what is known by it is newer. */
  #replace(key: number, place: Place, content: { readonly lines: number; readonly native: number }) {
    const before = this.#table.get(key);
    if (this.#mayBeEnded && this.#isEnded(key, place, content.native < 0 ? LINE : NATIVE)) return;
    if (before >= 0) {
      if (this.#units.ms[before] > place.ms) return;
      this.#drop(before);
    }
    this.#table.set(key, this.#unit(place, content));
  }

  /** Whether a series has ended after a sample of it that came later than what is shown. */
  #isEnded(key: number, { source, start, end, ms }: Omit<Place, "family">, kind: number): boolean {
    if (source < this.#firstLater) return false;
    if (this.#ends.size > 0 && ms < (this.#ends.get(key) ?? -Infinity)) return true;
    if (this.#endedAt === undefined) return false;
    const { text } = this.#sources[source];
    return ms < this.#endedAt(text, lastLine(text, { start, end }), keyEnd(text, end), kind);
  }

  #addNative(place: Place, native: NativeSample) {
    const { text } = this.#sources[place.source];
    const key = this.#table.place(place.source, lastLine(text, place), keyEnd(text, place.end), NATIVE);
    this.#replace(key, place, { lines: linesOf(text, place).length, native: this.#natives.push(native) - 1 });
  }

  /** Takes in a sample of several lines: whole, unless another one has one of them by itself. */
  #addCompound({ text, ...place }: Place & { readonly text: Uint8Array }) {
    const { source, ms } = place;
    const lines = linesOf(text, place);
    const keys = lines.map(({ start, end }) => this.#table.place(source, start, keyEnd(text, end), LINE));
    const others = new Set(keys.map((key) => this.#table.get(key)).filter((unit) => unit >= 0));
    const isPartlyEnded = this.#mayBeEnded &&
      lines.some((line, i) => this.#isEnded(keys[i], { source, ...line, ms }, LINE));
    if (isPartlyEnded || [...others].some((unit) => !this.#isCompound(unit))) {
      const { quoted } = this.#families[place.family];
      for (const [i, line] of lines.entries()) {
        this.#addLine(keys[i], { source, ...line, ms, family: this.#lineFamily(source, line.start, quoted) });
      }
      return;
    }
    if ([...others].some((unit) => this.#units.ms[unit] > ms)) return;
    for (const unit of others) this.#forget(unit);
    const unit = this.#unit(place, { lines: lines.length, native: -1 });
    for (const key of keys) this.#table.set(key, unit);
  }

  /** Has nothing more of a sample of several lines. */
  #forget(unit: number) {
    const { source, start, end } = this.#units;
    const { text } = this.#sources[source[unit]];
    for (const line of linesOf(text, { start: start[unit], end: end[unit] })) {
      this.#table.set(this.#table.place(source[unit], line.start, keyEnd(text, line.end), LINE), -1);
    }
    this.#drop(unit);
  }

  /** Has the lines of a sample, each by itself. */
  #dissolve(unit: number) {
    const units = this.#units;
    const source = units.source[unit], ms = units.ms[unit], { quoted } = this.#families[units.family[unit]];
    const { text } = this.#sources[source];
    this.#forget(unit);
    for (const line of linesOf(text, { start: units.start[unit], end: units.end[unit] })) {
      const key = this.#table.place(source, line.start, keyEnd(text, line.end), LINE);
      this.#addLine(key, { source, ...line, ms, family: this.#lineFamily(source, line.start, quoted) });
    }
  }

  /** The family that a line of a histogram or summary is of when it stands by itself. */
  #lineFamily(source: number, at: number, quoted: boolean): number {
    const name = lineName(this.#sources[source].text, at);
    return this.#familyOf({ name, type: "untyped", quoted });
  }

  #isCompound(unit: number): boolean {
    return unit >= 0 && this.#units.native[unit] < 0 && isDistribution(this.#families[this.#units.family[unit]].type);
  }

  /** The family of a block. Those of one line a sample are one whatever their types are: what is said last of it stands. */
  #familyOf({ name, type, quoted }: Pick<Block, "name" | "type" | "quoted">): number {
    const id = isDistribution(type) ? `${type} ${name}` : ` ${name}`;
    const known = this.#byName.get(id);
    if (known === undefined) {
      this.#byName.set(id, this.#families.length);
      return this.#families.push({ name, type, quoted, alive: 0, units: [] }) - 1;
    }
    const family = this.#families[known];
    // Nothing is left of what was said before.
    if (family.alive === 0 || type !== "untyped") family.type = type;
    family.quoted ||= quoted;
    return known;
  }

  #setType(name: string, type: MetricType) {
    const family = this.#families[this.#byName.get(` ${name}`) ?? -1];
    if (family !== undefined && family.alive > 0) family.type = type;
  }

  /** Has no unit any more. */
  #drop(unit: number) {
    this.#units.lines[unit] = 0;
    this.#families[this.#units.family[unit]].alive--;
  }

  #unit({ source, start, end, ms, family }: Place, { lines, native }: { lines: number; native: number }): number {
    const units = this.#units;
    if (this.#count === units.source.length) this.#grow();
    const at = this.#count++;
    units.source[at] = source;
    units.start[at] = start;
    units.end[at] = end;
    units.ms[at] = ms;
    units.family[at] = family;
    units.lines[at] = lines;
    units.native[at] = native;
    this.#families[family].alive++;
    return at;
  }

  #grow() {
    const units = this.#units;
    for (const column of Object.keys(units) as (keyof typeof units)[]) {
      const before = units[column];
      const grown = new (before.constructor as Int32ArrayConstructor)(2 * before.length);
      grown.set(before);
      (units as Record<string, unknown>)[column] = grown;
    }
  }
}

/** Where a unit is, and when it was. */
interface Place {
  readonly source: number;
  readonly start: number;
  readonly end: number;
  readonly ms: number;
  readonly family: number;
}
