/**
 * The member table: one row a member, our own among them, of which nobody but us has the last word.
 *
 * @module
 */

import { isPresent, type Member, mergeMember, type Phase, type Status } from "../protocol/member.ts";
import { hash64, toHex } from "../placement/rendezvous.ts";

/** How many rows there may be: five times the largest ring. Rows of members that are gone make room for others. */
export const MAX_ROWS = 256;

/** How long the row of a member is kept that is gone, in milliseconds: as long as it is dialled. */
export const KEEP_GONE_MS: number = 72 * 3_600_000;

/** What a merge has brought. */
export interface Merged {
  /** Rows that are not what they were, our own among them if it had to be set right. */
  readonly changed: readonly Member[];
  /** What was said of us and had to be refuted. */
  readonly refuted?: Status;
}

/** Holds the rows and merges what is heard into them. */
export class MemberTable {
  readonly #rows = new Map<string, Member>();
  // When each member that is gone went.
  readonly #goneAt = new Map<string, number>();
  #self: Member;
  #contested: Member | undefined;
  #digest: string | undefined;

  /** Starts with our own row alone. */
  constructor(self: Member) {
    this.#self = self;
    this.#rows.set(self.name, self);
  }

  /** Our own row. */
  get self(): Member {
    return this.#self;
  }

  /** Another process that is alive under our name and was first, as long as there is one. */
  get contested(): Member | undefined {
    return this.#contested;
  }

  /** Every row. */
  rows(): IterableIterator<Member> {
    return this.#rows.values();
  }

  /** Every row but our own. */
  others(): Member[] {
    return [...this.#rows.values()].filter((row) => row !== this.#self);
  }

  /** The row of one member. */
  get(name: string): Member | undefined {
    return this.#rows.get(name);
  }

  /** Equal on two members whose tables hold the same of everybody who is there. */
  get digest(): string {
    if (this.#digest === undefined) {
      const rows = [...this.#rows.values()].filter(isPresent).sort((a, b) => a.name < b.name ? -1 : 1);
      const facts = rows.map(({ name, boot, incarnation, status, phase }) => [name, boot, incarnation, status, phase]);
      this.#digest = toHex(hash64(JSON.stringify(facts)));
    }
    return this.#digest;
  }

  /** Advances our own phase. */
  advance(phase: Phase): Member {
    return this.#setSelf({ ...this.#self, phase });
  }

  /** Begins another stay, of one that joins or of one that only votes: what we own falls to others. */
  startOver(as: Pick<Member, "phase" | "isWitness">): Member {
    const incarnation = this.#self.incarnation + 1;
    return this.#setSelf({ ...this.#self, ...as, incarnation, since: incarnation });
  }

  /** Ends our own stay. */
  leave(): Member {
    return this.#setSelf({ ...this.#self, status: "LEFT" });
  }

  /** Says of another member that it is worse off than its row has it; undefined if that tells nothing new. */
  accuse(name: string, { status, now }: { status: "SUSPECT" | "DEAD"; now: number }): Member | undefined {
    const row = this.#rows.get(name);
    if (row === undefined || row === this.#self) return undefined;
    return this.#mergeOther({ ...row, status }, now);
  }

  /** Merges rows as another member has them. */
  merge(rows: readonly Member[], now: number): Merged {
    const changed: Member[] = [];
    let refuted: Status | undefined;
    for (const row of rows) {
      if (row.name === this.#self.name) {
        const before = this.#self;
        this.#answer(row);
        if (this.#self !== before) {
          changed.push(this.#self);
          refuted = row.status;
        }
        continue;
      }
      const merged = this.#mergeOther(row, now);
      if (merged !== undefined) changed.push(merged);
    }
    return refuted === undefined ? { changed } : { changed, refuted };
  }

  /** Forgets members that have been gone for {@linkcode KEEP_GONE_MS}. */
  forgetGone(now: number) {
    for (const [name, goneAt] of this.#goneAt) if (now - goneAt >= KEEP_GONE_MS) this.#forget(name);
  }

  /** Forgets a member that is gone; false if it is not. */
  forget(name: string): boolean {
    if (!this.#goneAt.has(name)) return false;
    this.#forget(name);
    return true;
  }

  /** How long a member has been gone, in milliseconds; 0 if it is there or unknown. */
  goneFor(name: string, now: number): number {
    const goneAt = this.#goneAt.get(name);
    return goneAt === undefined ? 0 : now - goneAt;
  }

  #mergeOther(heard: Member, now: number): Member | undefined {
    const { name } = heard;
    const known = this.#rows.get(name);
    if (known === undefined) {
      // Who never knew a member keeps no memory of its end either: such memories would be handed around for ever.
      if (!isPresent(heard) || !this.#makeRoom()) return undefined;
      return this.#set(heard);
    }
    const merged = mergeMember(known, heard);
    if (merged === known) return undefined;
    if (isPresent(merged)) this.#goneAt.delete(name);
    else if (isPresent(known)) this.#goneAt.set(name, now);
    return this.#set(merged);
  }

  /** Takes in what is said of us: nobody believes bad news of itself, and everybody learns why not. */
  #answer(heard: Member) {
    const self = this.#self;
    const { incarnation, status, boot } = heard;
    const outranks = mergeMember(self, heard) !== self;
    if (!outranks) {
      // The contest is over once the others believe us again.
      if (boot === self.boot && incarnation === self.incarnation) this.#contested = undefined;
      return;
    }
    if (self.status === "LEFT") return;
    if (boot !== self.boot && status === "ALIVE") {
      // Somebody else, and alive. Who serves stays; of two that serve, or that join, the higher boot does.
      const serves = heard.phase !== "JOINING";
      const yields = self.phase === "JOINING" ? serves || boot > self.boot : serves && boot > self.boot;
      if (yields) {
        this.#contested = heard;
        // The row that counts is theirs, so that ours goes back is nobody's news.
        if (self.phase !== "JOINING") this.#setSelf({ ...self, phase: "JOINING" });
        return;
      }
    }
    this.#contested = undefined;
    const next = incarnation + 1;
    const isDeclaredDead = status === "DEAD" || status === "LEFT" || (boot !== self.boot && self.phase === "JOINING");
    this.#setSelf({
      ...self,
      incarnation: next,
      ...(isDeclaredDead && self.phase !== "LEAVING" ? { phase: "JOINING", since: next } : {}),
    });
  }

  #setSelf(self: Member): Member {
    this.#self = self;
    return this.#set(self);
  }

  #set(row: Member): Member {
    this.#rows.set(row.name, row);
    this.#digest = undefined;
    return row;
  }

  #makeRoom(): boolean {
    if (this.#rows.size < MAX_ROWS) return true;
    const [gone] = this.#goneAt.keys();
    if (gone !== undefined) this.#forget(gone);
    return gone !== undefined;
  }

  #forget(name: string) {
    this.#rows.delete(name);
    this.#goneAt.delete(name);
    this.#digest = undefined;
  }
}
