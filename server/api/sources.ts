/**
 * What a server can say of the sources that it owns.
 *
 * @module
 */

import type { ExpositionIndex } from "../exposition/exposition_index.ts";
import { uploadOf } from "../directory/source.ts";
import type { Directory, SourceView } from "../directory/directory.ts";
import { listSources, type SourceList, type SourceQuery } from "./source_query.ts";
import {
  detailsOf,
  type DroppedMetric,
  mostDropped,
  reportOf,
  type ReportOptions,
  type SourceDetails,
  strangerOf,
  type StrangerReport,
} from "./source_report.ts";

/** Whether a server of a ring has answered. */
export interface MemberAnswer {
  /** Its name. */
  readonly name: string;
  /** Why it has not; absent if it has. */
  readonly why?: string;
}

/** Who answered, in a ring. */
export interface Answered {
  /** Every server of the ring; absent where there is none. */
  readonly members?: readonly MemberAnswer[];
}

/** Answers what is asked about sources. */
export interface Sources {
  /** Lists those asked for. */
  list(query: SourceQuery): Promise<SourceList & Answered>;
  /** All that is known of one; undefined if nothing is. */
  details(id: string): Promise<SourceDetails | undefined>;
  /** The latest refusals of ids that have never pushed, newest first. */
  strangers(): Promise<readonly StrangerReport[]>;
}

/** What a {@linkcode OwnSources} works with. */
export interface OwnSourcesOptions extends Omit<ReportOptions, "nowMs"> {
  /** What is known. */
  readonly directory: Directory;
  /** What is shown. */
  readonly index: Pick<ExpositionIndex, "current">;
  /**
   * How many samples of which metrics the allow-list drops of its last push; undefined if what is stored is another one than came
   * at `sinceMs`, or later.
   */
  readonly droppedOf: (
    id: string,
    last: { readonly sinceMs: number },
  ) => Promise<ReadonlyMap<string, number> | undefined>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** How many of the largest metrics of a source are named. */
const LARGEST = 20;

/** Answers for this server alone. */
export class OwnSources implements Sources {
  readonly #options: OwnSourcesOptions;

  /** Answers from a directory and an index. */
  constructor(options: OwnSourcesOptions) {
    this.#options = options;
  }

  /** Lists those asked for. */
  list(query: SourceQuery): Promise<SourceList> {
    const { directory } = this.#options;
    const options = this.#reportOptions();
    const reports = directory.list().map((view) => reportOf(this.#asShown(view), options));
    return Promise.resolve(listSources(reports, query));
  }

  /** All that is known of one, be it another server's. */
  async details(id: string): Promise<SourceDetails | undefined> {
    const { directory } = this.#options;
    const known = directory.get(id);
    if (known === undefined) return undefined;
    const view = this.#asShown(known);
    const droppedMetrics = view.source.dropped > 0 ? await this.#droppedMetricsOf(view.source) : undefined;
    const timeline = directory.pushesOf(id), largest = this.#largestOf(id);
    return detailsOf(view, { ...this.#reportOptions(), timeline, largest, droppedMetrics });
  }

  /** The latest refusals of ids that have never pushed, newest first. */
  strangers(): Promise<readonly StrangerReport[]> {
    return Promise.resolve(this.#options.directory.strangers.map(strangerOf));
  }

  /** Counts what a source shows that sends by remote write: requests are accepted before they are merged into that. */
  #asShown({ source, state }: SourceView): SourceView {
    const entry = source.writes && this.#options.index.current(source.id);
    if (entry === undefined) return { source, state };
    const { series, blocks: { length: families } } = entry;
    return { source: { ...source, series, families }, state };
  }

  #reportOptions(): ReportOptions {
    return { ...this.#options, nowMs: this.#options.now() };
  }

  async #droppedMetricsOf(source: SourceView["source"]): Promise<readonly DroppedMetric[] | undefined> {
    let dropped;
    try {
      dropped = await this.#options.droppedOf(source.id, { sinceMs: uploadOf(source).atMs });
    } catch {
      // A store that cannot be read, or a push that rules of now refuse, must not hide the rest of what is known.
      return undefined;
    }
    return dropped && mostDropped(dropped);
  }

  /** The largest metrics that a source shows. */
  #largestOf(id: string): SourceDetails["largest"] {
    const entry = this.#options.index.current(id);
    if (entry === undefined) return [];
    return entry.blocks.toSorted((a, b) => (b.end - b.start) - (a.end - a.start)).slice(0, LARGEST)
      .map(({ name, start, end }) => ({ name, bytes: end - start, series: linesIn(entry.text, { start, end }) }));
  }
}

const LINE_FEED = 0x0a;

function linesIn(text: Uint8Array, { start, end }: { start: number; end: number }): number {
  let lines = 0;
  for (let at = text.indexOf(LINE_FEED, start); at !== -1 && at < end; at = text.indexOf(LINE_FEED, at + 1)) lines++;
  return lines;
}
