/**
 * What follows from a change of the member table, whoever made it: everybody is told, those who are there are followed, and another view
 * may be due.
 *
 * @module
 */

import { note } from "../protocol/effects.ts";
import { isPresent, type Member } from "../protocol/member.ts";
import type { Accusation } from "./failure_detector.ts";
import type { Gossip } from "./gossip.ts";
import type { MemberTable } from "./member_table.ts";
import type { Peers } from "./peers.ts";
import type { RingContext } from "./ring_context.ts";
import type { Stay } from "./stay.ts";
import type { ViewSuccession } from "./view_succession.ts";

/** What {@linkcode TableChanges} work with, besides the ring's context. */
export interface TableChangesOptions {
  /** What changes. */
  readonly table: MemberTable;
  /** Who is followed. */
  readonly peers: Peers;
  /** Tells everybody. */
  readonly gossip: Gossip;
  /** Our stay, which may begin anew where others said that we are gone. */
  readonly stay: Stay;
  /** Which view is due. */
  readonly views: ViewSuccession;
}

/** Changes the table. */
export class TableChanges {
  readonly #context: RingContext;
  readonly #options: TableChangesOptions;

  /** Starts with the table as it is. */
  constructor(context: RingContext, options: TableChangesOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Takes in rows as a peer has them. What it says of us, and is not so, is contradicted. */
  merge(from: string, rows: readonly Member[], now: number) {
    const { table, stay } = this.#options;
    const wasContested = table.contested !== undefined;
    const { changed, refuted } = table.merge(rows, now);
    const { contested } = table;
    if (contested !== undefined && !wasContested) {
      const sentence = "Another process has this member's name: give one of them another --name";
      this.#context.emit(note("error", sentence, { address: contested.address }));
    }
    if (refuted !== undefined) stay.refuted(refuted, now);
    this.follow(now);
    if (refuted !== undefined) this.spread([table.self], now);
    for (const { name, status, phase, incarnation } of changed) {
      this.#context.emit(note("info", "A member changed", { member: name, status, phase, incarnation, from }));
    }
  }

  /** Says of a silent member that it is suspected, or dead. */
  accuse(name: string, { status, silentMs, now }: Accusation) {
    const row = this.#options.table.accuse(name, { status, now });
    if (row === undefined) return;
    const fields = { member: name, status, silentMs: Math.round(silentMs) };
    if (status === "DEAD") this.#context.emit(note("warn", "Declared a silent member dead", fields));
    else this.#context.emit(note("info", "Suspected a silent member", fields));
    this.spread([row], now);
  }

  /** Forgets a member that is gone; false if it is there, or nobody knows it. */
  forget(name: string, now: number): boolean {
    if (!this.#options.table.forget(name)) return false;
    this.#context.emit(note("warn", "An operator has this member forget another one that is gone", { member: name }));
    this.follow(now);
    return true;
  }

  /** Tells everybody of rows that we have changed, and takes in what that means for ourselves. */
  spread(rows: readonly Member[], now: number) {
    this.#options.gossip.spread(rows);
    this.follow(now);
  }

  /** Follows those who are there by the table, and has the view follow. */
  follow(now: number) {
    const { table, peers, views } = this.#options;
    for (const row of table.others()) {
      if (isPresent(row)) peers.follow(row, now);
      else peers.forget(row.name);
    }
    views.tableChanged(now);
  }
}
