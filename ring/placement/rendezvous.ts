/**
 * Rendezvous hashing: which member owns a key, and which stands by, from the names of the members alone.
 *
 * A key goes to the member with the highest score, so a member that comes takes keys from each of the others and moves nothing
 * between them, and the keys of a member that goes fall to whoever came second.
 *
 * Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998; FNV-1a is draft-eastlake-fnv, fmix64 the
 * finalizer of MurmurHash3. 64-bit numbers are kept as two unsigned halves, as a product of BigInts costs twenty times as much.
 *
 * @module
 */

/**
 * The version of this rule. Whoever changes where keys belong raises it and keeps the one before, by which a view goes as long as one
 * of its members knows no later one.
 */
export const PLACEMENT_RULE = 1;

/** An unsigned 64-bit number. */
export interface Hash64 {
  /** The upper 32 bits. */
  readonly hi: number;
  /** The lower 32 bits. */
  readonly lo: number;
}

/** What placing a key needs to know of a member. */
export interface Candidate {
  /** Unique among the members. */
  readonly name: string;
  /** The machine it runs on. */
  readonly host: string;
}

/** Where a key belongs. */
export interface Placement {
  /** The member that owns it. */
  readonly owner: string;
  /** The member that holds a copy: the next by score on another host than the owner's, else the next; absent in a ring of one. */
  readonly standby?: string;
}

const encoder = new TextEncoder();
// deno-lint-ignore no-control-regex
const IS_ASCII = /^[\x00-\x7f]*$/;

/** The hash of a text: FNV-1a of its UTF-8 bytes, mixed by fmix64. */
export function hash64(text: string): Hash64 {
  // The offset basis cbf29ce484222325, and the prime 100000001b3 = 2^40 + 1b3.
  let hi = 0xcbf29ce4, lo = 0x84222325;
  // The letters of most ids are their bytes.
  const bytes = IS_ASCII.test(text) ? undefined : encoder.encode(text);
  const length = bytes?.length ?? text.length;
  for (let at = 0; at < length; at++) {
    lo ^= bytes === undefined ? text.charCodeAt(at) : bytes[at];
    hi = Math.imul(hi, 0x1b3) + (lo << 8) + upperOfProduct(lo, 0x1b3);
    lo = Math.imul(lo, 0x1b3);
  }
  const mixed = new Uint32Array(2);
  mix(hi, lo, { into: mixed, at: 0 });
  return { hi: mixed[0], lo: mixed[1] };
}

/** The hash of a key, which {@linkcode Rendezvous.place} takes: worth keeping for as long as the key is. */
export function keyHash(id: string): Hash64 {
  return hash64(`k:${id}`);
}

/** The 16 hexadecimal digits of a hash. */
export function toHex({ hi, lo }: Hash64): string {
  return hi.toString(16).padStart(8, "0") + lo.toString(16).padStart(8, "0");
}

/** Places keys among members, which stay the same: another view of the ring is another instance. */
export class Rendezvous {
  readonly #members: readonly Candidate[];
  // Upper and lower halves in turn: the hashes of the names, and the scores of the key that was placed last.
  readonly #hashes: Uint32Array;
  readonly #scores: Uint32Array;
  // By owner × members + standby: made when first needed, so that placing a key allocates nothing.
  readonly #placements: Placement[] = [];

  /** Prepares for the members, in any order; a name that comes twice counts once. */
  constructor(members: Iterable<Candidate>) {
    const byName = new Map(Array.from(members, ({ name, host }) => [name, { name, host }]));
    // By name, so that the first of equal scores has the lower name.
    this.#members = [...byName.values()].sort((a, b) => a.name < b.name ? -1 : 1);
    this.#hashes = Uint32Array.from(this.#members.flatMap(({ name }) => {
      const { hi, lo } = hash64(`n:${name}`);
      return [hi, lo];
    }));
    this.#scores = new Uint32Array(this.#hashes.length);
  }

  /** How many members there are. */
  get size(): number {
    return this.#members.length;
  }

  /** Their names, in order. */
  get names(): string[] {
    return this.#members.map(({ name }) => name);
  }

  /** Where the key with this hash belongs; nowhere if there is no member. */
  place(key: Hash64): Placement | undefined {
    const owner = this.#score(key);
    if (owner === -1) return undefined;
    const size = this.#members.length;
    const standby = this.#standbyOf(owner);
    const at = owner * size + (standby === -1 ? owner : standby);
    return this.#placements[at] ??= {
      owner: this.#members[owner].name,
      ...(standby === -1 ? {} : { standby: this.#members[standby].name }),
    };
  }

  /** The member that owns the key with this hash: half the work of placing it. */
  owner(key: Hash64): string | undefined {
    return this.#members[this.#score(key)]?.name;
  }

  /** The members other than the owner in the order in which they stand by: those on other hosts first, by score. */
  successors(key: Hash64): string[] {
    const owner = this.#score(key);
    if (owner === -1) return [];
    const { host } = this.#members[owner];
    return [...this.#members.keys()].filter((at) => at !== owner).sort((a, b) => {
      const [aIsElsewhere, bIsElsewhere] = [a, b].map((at) => this.#members[at].host !== host);
      if (aIsElsewhere !== bIsElsewhere) return aIsElsewhere ? -1 : 1;
      return this.#beats(a, b) ? -1 : this.#beats(b, a) ? 1 : a - b;
    }).map((at) => this.#members[at].name);
  }

  /** Computes every score, and tells the index of the highest, or -1. */
  #score({ hi, lo }: Hash64): number {
    const hashes = this.#hashes, scores = this.#scores;
    let best = -1;
    for (let at = 0; at < hashes.length; at += 2) {
      mix(hi ^ hashes[at], lo ^ hashes[at + 1], { into: scores, at });
      if (best === -1 || this.#beats(at / 2, best)) best = at / 2;
    }
    return best;
  }

  #standbyOf(owner: number): number {
    const members = this.#members;
    const ownerHost = members[owner].host;
    let best = -1, bestIsElsewhere = false;
    for (let at = 0; at < members.length; at++) {
      if (at === owner) continue;
      const isElsewhere = members[at].host !== ownerHost;
      if (bestIsElsewhere && !isElsewhere) continue;
      if (best === -1 || (isElsewhere && !bestIsElsewhere) || this.#beats(at, best)) {
        best = at;
        bestIsElsewhere = isElsewhere;
      }
    }
    return best;
  }

  /** Whether the key's score with one member is above that with another. */
  #beats(at: number, other: number): boolean {
    const scores = this.#scores;
    const hi = scores[2 * at], otherHi = scores[2 * other];
    return hi > otherHi || (hi === otherHi && scores[2 * at + 1] > scores[2 * other + 1]);
  }
}

/** fmix64; writes the upper half at the index and the lower half behind it. A shift by 33 leaves the upper half's bits but one. */
function mix(hi: number, lo: number, { into, at }: { into: Uint32Array; at: number }) {
  lo ^= hi >>> 1;
  hi = Math.imul(hi, 0xed558ccd) + Math.imul(lo, 0xff51afd7) + upperOfProduct(lo, 0xed558ccd);
  lo = Math.imul(lo, 0xed558ccd);
  lo ^= hi >>> 1;
  hi = Math.imul(hi, 0x1a85ec53) + Math.imul(lo, 0xc4ceb9fe) + upperOfProduct(lo, 0x1a85ec53);
  into[at] = hi;
  into[at + 1] = Math.imul(lo, 0x1a85ec53) ^ (hi >>> 1);
}

/** The upper 32 bits of the 64-bit product of two numbers taken as unsigned 32 bits, from four products of halves. */
function upperOfProduct(a: number, b: number): number {
  const a0 = a & 0xffff, a1 = a >>> 16, b0 = b & 0xffff, b1 = b >>> 16;
  const middle = Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16) >>> 0;
  const carry = Math.imul(a0, b1) + (middle & 0xffff) >>> 0;
  return Math.imul(a1, b1) + (middle >>> 16) + (carry >>> 16) | 0;
}
