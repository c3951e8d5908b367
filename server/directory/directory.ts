/**
 * The directory: what the server knows of every source cluster, for the people who run it.
 *
 * Bounded whatever clients do. A source enters by an accepted push; one that was refused as itself, with a good token, waits in
 * a small room of its own until then; of who has proven nothing the latest few refusals are remembered.
 *
 * @module
 */

import { BoundedMap } from "../../common/bounded_map.ts";
import { nothingShownBy } from "./nothing_shown.ts";
import { PushTimelines, type TimelinePush } from "./push_timeline.ts";
import {
  type AcceptedPush,
  mergeSource,
  newSource,
  noteAccepted,
  noteRefused,
  type Refusal,
  type Sender,
  type Source,
  type SourceLimit,
  type SourceLimits,
} from "./source.ts";
import { nearLimits, type SourceState, stateOf } from "./source_state.ts";
import { type Stranger, Strangers } from "./strangers.ts";
import { WINDOW_MS } from "./write_window.ts";

/** What a {@linkcode Directory} works by. */
export interface DirectoryOptions {
  /** The most sources that are held. */
  readonly maxSources: number;
  /** How long a source is held after its last push, in milliseconds. */
  readonly retentionMs: number;
  /** `--ttl`, in milliseconds: after so long a source is silent whose interval is not known. */
  readonly ttlMs: number;
  /** Whether this server owns a source: only of those it tells how they fare. @default {() => true} */
  readonly owns?: (id: string) => boolean;
  /** Ids that are revoked. */
  readonly revoked?: () => Promise<ReadonlySet<string>>;
  /** Milliseconds since the epoch. @default {Date.now} */
  readonly now?: () => number;
  /** Milliseconds of a clock that only goes forward. @default {() => performance.now()} */
  readonly elapsed?: () => number;
}

/** A source fares differently than when that was looked at last. */
export interface Transition {
  /** Which. */
  readonly source: Source;
  /** How it fared; undefined if it has only just come. */
  readonly before: SourceState | undefined;
  /** How it fares now. */
  readonly after: SourceState;
}

/** A source has come near a limit. */
export interface NearLimit {
  /** Which. */
  readonly source: Source;
  /** What it is near to. */
  readonly limit: SourceLimit;
}

/** Sources that are held though none of their pushes was accepted yet. */
const MAX_NEWCOMERS = 1_000;

/** Where pushes come, each of which stands for itself. */
const UPLOAD_PATH = "/upload";

/** How long a source is new, in milliseconds. */
const NEW_MS = 60_000;

/** The part of all sources that has to go when there are too many. */
const EVICTED_SHARE = 1 / 100;

/** How many sources lie together on disk. */
export const SHARD_SOURCES = 32;

interface Place {
  readonly source: Source;
  /** Its number among those that are held, of which free ones are used again. */
  readonly slot: number;
  state: SourceState | undefined;
  /** What was seen of it when that was last asked. */
  seen: Seen;
}

/** What is told of a source when it changes; undefined where it was never asked. */
interface Seen {
  /** The limits that it was near to. */
  readonly near?: readonly SourceLimit[];
  /** Whether nothing of what it sends was shown. */
  readonly isBlank?: boolean;
}

const NOT_SEEN: Seen = {};
/** Of most sources there is nothing to tell: they share it. */
const NOTHING_SEEN: Seen = { near: [], isBlank: false };

function sharedSeen(seen: Seen): Seen {
  return seen.near?.length === 0 && seen.isBlank === false ? NOTHING_SEEN : seen;
}

/** A source as it is now. */
export interface SourceView {
  /** What is known of it. */
  readonly source: Readonly<Source>;
  /** How it fares. */
  readonly state: SourceState;
}

/** A source as it is put on disk, and sent to other members of a ring. */
export interface SourceRecord {
  /** What is known of it. */
  readonly source: Source;
  /** Its last pushes, oldest first. */
  readonly pushes: readonly TimelinePush[];
}

/** Everything that is known of sources. */
export class Directory {
  readonly #options: DirectoryOptions;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #owns: (id: string) => boolean;
  readonly #places = new Map<string, Place>();
  /** The same by slot. */
  readonly #slots: (Place | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #newcomers = new BoundedMap<string, Source>(MAX_NEWCOMERS);
  readonly #strangers = new Strangers();
  readonly #timelines = new PushTimelines();
  /** Shards with what is not on disk: a push like those before, or something that happens now and then. */
  readonly #changed = { usual: new Set<number>(), rare: new Set<number>() };
  #revoked: ReadonlySet<string> = new Set();

  /** Starts empty. */
  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#elapsed = options.elapsed ?? (() => performance.now());
    this.#owns = options.owns ?? (() => true);
  }

  /** How many sources are held. */
  get size(): number {
    return this.#places.size;
  }

  /** The latest refusals of who has never pushed, newest first. */
  get strangers(): readonly Stranger[] {
    return this.#strangers.latest;
  }

  /** Notes an accepted push. */
  accepted(push: AcceptedPush): void {
    const place = this.#places.get(push.id) ?? this.#admit(push.id);
    const { source, slot } = place;
    noteAccepted(source, push, this.#elapsed());
    if (push.write === undefined) this.#timelines.add(slot, { atMs: push.receivedAtMs, bytes: push.bytes });
    else this.#timelines.gather(slot, source.writes!.current);
    this.#changed.usual.add(shardOf(place));
  }

  /** Notes who brought an accepted push, which may have gone on to another member of a ring. */
  broughtBy(id: string, sender: Sender): void {
    (this.#places.get(id) ?? this.#admit(id)).source.sender = sender;
  }

  /** Notes a refusal of an id. */
  refused(id: string, refusal: Refusal): void {
    const place = this.#places.get(id);
    const nowMs = this.#now();
    if (place === undefined && refusal.stage !== "push") return this.#strangers.note(id, refusal, nowMs);
    let source = place?.source ?? this.#newcomers.get(id);
    if (source === undefined) this.#newcomers.set(id, source = newSource(id, nowMs));
    noteRefused(source, refusal, nowMs);
    if (place === undefined) return;
    if (refusal.stage === "push") this.#addRefusal(place, { nowMs, path: refusal.path });
    this.#changed.rare.add(shardOf(place));
  }

  /** A source as it is now. */
  get(id: string): SourceView | undefined {
    const source = this.#places.get(id)?.source ?? this.#newcomers.get(id);
    return source && { source, state: this.#stateOf(source) };
  }

  /** The last pushes of a source, oldest first. */
  pushesOf(id: string): TimelinePush[] {
    const place = this.#places.get(id);
    return place === undefined ? [] : this.#timelines.of(place.slot);
  }

  /** The sources that this server owns, as they are now. */
  *list(): Generator<SourceView> {
    for (const source of this.all()) if (this.#owns(source.id)) yield { source, state: this.#stateOf(source) };
  }

  /** All sources that this server knows something of. */
  *all(): Generator<Source> {
    for (const { source } of this.#places.values()) yield source;
    yield* this.#newcomers.values();
  }

  /**
   * Looks at every source: forgets those that nothing was heard of for too long, and returns those of its own that fare
   * differently than when this was called last. To be called every few seconds.
   */
  async sweep(): Promise<Transition[]> {
    await this.readRevoked();
    const now = this.#now(), oldest = now - this.#options.retentionMs;
    const transitions: Transition[] = [];
    for (const place of this.#places.values()) {
      const { source, state: before } = place;
      if (Math.max(source.firstSeenMs, source.pushedAtMs, source.refusedAtMs) < oldest) {
        this.#remove(place);
        continue;
      }
      const after = this.#owns(source.id) ? this.#stateOf(source) : undefined;
      place.state = after;
      if (after === before || after === undefined) continue;
      // One that was known before, to the last process or to another server, is no news.
      if (before === undefined && now - source.firstSeenMs > NEW_MS) continue;
      transitions.push({ source, before, after });
      this.#changed.rare.add(shardOf(place));
    }
    return transitions;
  }

  /** Those of its own that have come near a limit since this was called last. */
  nearing(limits: SourceLimits): NearLimit[] {
    const found: NearLimit[] = [];
    const now = this.#now();
    for (const place of this.#places.values()) {
      const { source, seen: { near: before } } = place;
      const near = this.#owns(source.id) ? nearLimits(source, limits, { before }) : [];
      place.seen = sharedSeen({ ...place.seen, near });
      // What was so before this process is no news.
      if (near.length === 0 || before === undefined && now - source.firstSeenMs > NEW_MS) continue;
      for (const limit of near) if (!before?.includes(limit)) found.push({ source, limit });
    }
    return found;
  }

  /** Those of its own of which nothing is shown any more, though they send something, since this was called last. */
  blanking(): Source[] {
    const found: Source[] = [];
    const now = this.#now();
    for (const place of this.#places.values()) {
      const { source, seen: { isBlank: before } } = place;
      const isBlank = this.#owns(source.id) && nothingShownBy(source) !== undefined;
      place.seen = sharedSeen({ ...place.seen, isBlank });
      // What was so before this process is no news.
      const isNews = before === false || before === undefined && now - source.firstSeenMs <= NEW_MS;
      if (isBlank && isNews) found.push(source);
    }
    return found;
  }

  /** Reads which ids are revoked, for what is told from then on. */
  async readRevoked(): Promise<void> {
    this.#revoked = await this.#options.revoked?.() ?? this.#revoked;
  }

  /** Forgets a source. One that still comes is new again with its next push. */
  forget(id: string): void {
    const place = this.#places.get(id);
    if (place !== undefined) this.#remove(place);
    this.#newcomers.delete(id);
    this.#strangers.forget(id);
  }

  /** A source with its pushes. */
  recordOf(source: Source): SourceRecord {
    return { source, pushes: this.pushesOf(source.id) };
  }

  /** What is to be put on disk of the sources of a shard. */
  shard(shard: number): SourceRecord[] {
    return this.#slots.slice(shard * SHARD_SOURCES, (shard + 1) * SHARD_SOURCES)
      .filter((place) => place !== undefined)
      .map(({ source, slot }) => ({ source, pushes: this.#timelines.of(slot) }));
  }

  /**
   * The shards with something that is not on disk, which from then on counts as such. Pushes that are like those before are
   * only looked at when asked for: they are most of what happens, and little is lost with them.
   */
  takeChanged({ withUsual }: { readonly withUsual: boolean }): number[] {
    const { usual, rare } = this.#changed;
    const shards = new Set(withUsual ? [...usual, ...rare] : rare);
    rare.clear();
    for (const shard of shards) usual.delete(shard);
    return [...shards];
  }

  /** Something of a shard has not come to the disk after all. */
  putBack(shard: number): void {
    this.#changed.rare.add(shard);
  }

  /**
   * Takes in what was on disk, or what another member knows: of each fact the newer one stands. `refusals` come on top of those
   * that are known.
   */
  take({ source: other, pushes }: SourceRecord, { refusals = 0 }: { readonly refusals?: number } = {}): void {
    const known = this.#places.get(other.id);
    // Who was refused in the name of a source that is not known here is a stranger there, and stays one.
    if (known === undefined && isOfStranger(other)) return;
    if (known === undefined && other.pushedAtMs === 0 && other.sender === undefined) {
      const newcomer = this.#newcomers.get(other.id) ?? newSource(other.id, other.firstSeenMs);
      mergeSource(newcomer, other, -Infinity);
      newcomer.refusals += refusals;
      return this.#newcomers.set(other.id, newcomer);
    }
    const { source, slot } = known ?? this.#admit(other.id);
    // How long ago that was only the wall clock can tell, and it cannot be yet to come.
    const tick = this.#elapsed() - Math.max(0, this.#now() - other.pushedAtMs);
    const isNewer = mergeSource(source, other, tick);
    source.refusals += refusals;
    this.#changed.rare.add(shardOf({ slot }));
    if (!isNewer) return;
    this.#timelines.clear(slot);
    for (const push of pushes) this.#timelines.add(slot, push);
  }

  /** Refused requests of remote write, which may be many a second, stand together with those of the same time. */
  #addRefusal({ source, slot }: Place, { nowMs, path }: { nowMs: number; path: string }): void {
    if (path === UPLOAD_PATH) return this.#timelines.add(slot, { atMs: nowMs, bytes: 0 });
    const { atMs = 0 } = source.writes?.current ?? {};
    const isWithin = nowMs >= atMs && nowMs - atMs < WINDOW_MS;
    this.#timelines.gather(slot, { atMs: isWithin ? atMs : nowMs - nowMs % WINDOW_MS, bytes: 0 });
  }

  #stateOf(source: Source): SourceState {
    if (this.#revoked.has(source.id)) return "revoked";
    return stateOf(source, { tick: this.#elapsed(), nowMs: this.#now(), ttlMs: this.#options.ttlMs });
  }

  #admit(id: string): Place {
    if (this.#places.size >= this.#options.maxSources) this.#evict();
    const newcomer = this.#newcomers.get(id);
    this.#newcomers.delete(id);
    this.#strangers.forget(id);
    const slot = this.#freeSlots.pop() ?? this.#slots.length;
    const place: Place = {
      source: newcomer ?? newSource(id, this.#now()),
      slot,
      state: undefined,
      seen: NOT_SEEN,
    };
    this.#places.set(id, place);
    this.#slots[slot] = place;
    this.#changed.rare.add(shardOf(place));
    return place;
  }

  /** Makes room: those go first that have been silent for the longest. */
  #evict(): void {
    const least = Math.ceil(EVICTED_SHARE * this.#places.size);
    const oldest = [...this.#places.values()].sort((a, b) => a.source.pushedTick - b.source.pushedTick);
    for (const place of oldest.slice(0, least)) this.#remove(place);
  }

  #remove({ source: { id }, slot }: Place): void {
    this.#places.delete(id);
    this.#slots[slot] = undefined;
    this.#freeSlots.push(slot);
    this.#timelines.clear(slot);
    this.#changed.rare.add(shardOf({ slot }));
  }
}

/** A stranger, as a source of which nothing is known but what was refused in its name. */
export function strangerSource({ id, atMs, times, sinceMs, ...refusal }: Stranger): Source {
  return { ...newSource(id, atMs), inName: { refusal, atMs, times, sinceMs, timesSince: times } };
}

function isOfStranger({ pushedAtMs, sender, refusals, refusal, inName }: Source): boolean {
  return inName !== undefined && pushedAtMs === 0 && sender === undefined && refusals === 0 && refusal === undefined;
}

function shardOf({ slot }: Pick<Place, "slot">): number {
  return Math.floor(slot / SHARD_SOURCES);
}
