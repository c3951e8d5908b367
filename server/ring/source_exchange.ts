/**
 * What servers of a ring tell each other of sources: whoever takes a push, or refuses it, tells the owner of its cluster, and the
 * owner tells its standby, so that no machine takes what is known with it.
 *
 * @module
 */

import { explain } from "../../common/explain.ts";
import type { Logger } from "../../common/log.ts";
import { UnansweredError } from "../../ring/transport/questions.ts";
import type { Ring } from "../../ring/ring.ts";
import { type Directory, strangerSource } from "../directory/directory.ts";
import type { Source } from "../directory/source.ts";
import { readRecord, writeRecord } from "../directory/source_record.ts";

/** What an exchange works with. */
export interface SourceExchangeOptions {
  /** What this server knows. */
  readonly directory: Directory;
  /** Whom it tells. */
  readonly ring: Pick<Ring, "place" | "ask" | "name">;
  /** Told what could not be told. */
  readonly log: Logger;
}

/** The topic of questions that hold what another member knows of sources. */
export const FACTS_TOPIC = "facts";

/** How often owners are told, in milliseconds. */
const TELL_INTERVAL_MS = 10_000;

/** At each such time, standbys are told as well. */
const STANDBY_EVERY = 6;

/** Sources of one message: 200 at their longest stay within a frame. */
const SOURCES_A_MESSAGE = 200;

/** How long an answer may take, in milliseconds. */
const TIMEOUT_MS = 5_000;

/** What was told of a source. */
interface Told {
  /** To whom. */
  readonly to: string;
  /** How far what is known had come. */
  readonly mark: number;
}

/** Tells other members what is known of sources, now and then until it is disposed of. */
export class SourceExchange implements Disposable {
  readonly #options: SourceExchangeOptions;
  readonly #told = new Map<string, Told>();
  readonly #timer: ReturnType<typeof setInterval>;
  #isTelling = false;
  #times = 0;

  /** Starts at once. */
  constructor(options: SourceExchangeOptions) {
    this.#options = options;
    this.#timer = setInterval(
      () => void this.tell({ standbys: ++this.#times % STANDBY_EVERY === 0 }),
      TELL_INTERVAL_MS,
    );
  }

  /** Tells those who should know what they do not know yet. Never rejects: who cannot be told now is told the next time. */
  async tell({ standbys }: { readonly standbys: boolean }): Promise<void> {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (const [to, news] of this.#news(standbys)) {
        for (let at = 0; at < news.length; at += SOURCES_A_MESSAGE) {
          await this.#tell(to, news.slice(at, at + SOURCES_A_MESSAGE));
        }
      }
    } catch (error) {
      this.#options.log.error("Cannot tell other servers of sources, and tries again", { error: String(error) });
    } finally {
      this.#isTelling = false;
    }
  }

  /** Tells nobody any more. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #news(standbys: boolean): Map<string, Source[]> {
    const { directory, ring } = this.#options;
    const news = new Map<string, Source[]>();
    const known = new Set<string>();
    const tell = (to: string, source: Source) => {
      const told = this.#told.get(source.id);
      if (told?.to === to && told.mark === markOf(source)) return;
      const ofMember = news.get(to);
      if (ofMember === undefined) news.set(to, [source]);
      else ofMember.push(source);
    };
    for (const source of directory.all()) {
      const { id } = source;
      known.add(id);
      const { owner, standby } = ring.place(id);
      const isOwn = owner === ring.name;
      // The owner has counted them itself.
      if (isOwn) source.untold = 0;
      const to = isOwn ? standby : owner;
      if (to === undefined || (isOwn && !standbys)) continue;
      tell(to, source);
    }
    // Who is a stranger here may be known to the owner of its cluster.
    for (const stranger of directory.strangers) {
      const { id } = stranger, { owner } = ring.place(id);
      if (known.has(id) || owner === undefined || owner === ring.name) continue;
      known.add(id);
      tell(owner, strangerSource(stranger));
    }
    for (const id of this.#told.keys()) if (!known.has(id)) this.#told.delete(id);
    return news;
  }

  async #tell(to: string, sources: readonly Source[]): Promise<void> {
    const { directory, ring, log } = this.#options;
    const news = sources.map((source) => ({ source, untold: source.untold, mark: markOf(source) }));
    const facts = news.map(({ source, untold }) => ({
      record: writeRecord(directory.recordOf({ ...source, refusals: source.refusals - untold })),
      refusals: untold,
    }));
    try {
      await ring.ask(to, { topic: FACTS_TOPIC, body: encoder.encode(JSON.stringify(facts)), timeoutMs: TIMEOUT_MS });
      for (const { source, untold, mark } of news) {
        source.untold -= untold;
        this.#told.set(source.id, { to, mark });
      }
    } catch (error) {
      if (!(error instanceof UnansweredError)) throw error;
      log.debug("Cannot tell another server of its sources, and tries again", { to, why: explain(error) });
    }
  }
}

/** Takes in what another member tells. */
export function takeFacts(directory: Pick<Directory, "take">, body: Uint8Array): Uint8Array {
  const facts: unknown = JSON.parse(decoder.decode(body));
  if (!Array.isArray(facts)) throw new SyntaxError("What another server tells of sources is no list");
  for (const fact of facts.slice(0, SOURCES_A_MESSAGE)) {
    const record = readRecord(fact?.record);
    if (record === undefined) continue;
    const more = fact.refusals;
    directory.take(record, { refusals: Number.isSafeInteger(more) && more > 0 && more <= MAX_MORE ? more : 0 });
  }
  return new Uint8Array();
}

/** The most refusals that one message adds. */
const MAX_MORE = 1e9;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Grows with each thing that comes to be known. */
function markOf({ pushedAtMs, refusedAtMs, refusals, sender, inName }: Source): number {
  return pushedAtMs + refusedAtMs + refusals + (sender?.atMs ?? 0) + (inName?.atMs ?? 0) +
    (inName?.times ?? 0);
}
