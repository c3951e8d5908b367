/**
 * Requests of remote write on their way to the owner of their cluster: one push of a cluster at a time, with all that came meanwhile
 * in the next one. The owner merges what a cluster showed, stores it as a whole and has it copied once for all of them.
 *
 * ```text
 *            ┌──────── nothing came ◂─────────┐
 *            ▾                                │
 *   idle ─ request ─▸ under way, alone ─ settled ─ some came ─▸ under way, together ─┐
 *                                             ▴                                      │
 *                                             └───── settled; refused: one by one ◂──┘
 * ```
 *
 * @module
 */

import { concatenate } from "../../common/concatenate.ts";
import type { Outcome } from "../../ring/protocol/effects.ts";
import type { PushContent } from "../ingest/push_content.ts";
import type { PushReceipt } from "../pushes/push.ts";
import { readReceipt, readReceipts } from "../remote_write/write_receipt.ts";
import { MAX_PARTS } from "./push_encoding.ts";

/** What became of a request: how its push ended, and what is told of the request itself. */
export interface GroupedOutcome extends Pick<PushReceipt, "remark" | "write"> {
  /** How the push ended that it was in. */
  readonly outcome: Outcome;
}

/** What {@linkcode WriteGroups} work with. */
export interface WriteGroupsOptions {
  /** Brings a push of a cluster to its owner. */
  readonly send: (id: string, content: PushContent) => Promise<Outcome>;
  /** The most bytes of requests that go together. */
  readonly limitBytes: number;
}

interface Waiting {
  readonly content: PushContent;
  readonly settle: (outcome: GroupedOutcome) => void;
  readonly fail: (error: unknown) => void;
}

/** Groups requests. Those that wait are held by slots of pushes at work, which bound them. */
export class WriteGroups {
  readonly #options: WriteGroupsOptions;
  /** What waits, of each cluster of which something is under way. */
  readonly #waiting = new Map<string, Waiting[]>();

  /** Starts with nothing under way. */
  constructor(options: WriteGroupsOptions) {
    this.#options = options;
  }

  /** Resolves once a request is settled, in the order in which those of its cluster came. */
  send(id: string, content: PushContent): Promise<GroupedOutcome> {
    const { promise, resolve: settle, reject: fail } = Promise.withResolvers<GroupedOutcome>();
    const request: Waiting = { content, settle, fail };
    const waiting = this.#waiting.get(id);
    if (waiting !== undefined) waiting.push(request);
    else {
      this.#waiting.set(id, [request]);
      void this.#sendAll(id);
    }
    return promise;
  }

  async #sendAll(id: string): Promise<void> {
    const waiting = this.#waiting.get(id)!;
    while (waiting.length > 0) await this.#sendGroup(id, waiting.splice(0, this.#groupLength(waiting)));
    this.#waiting.delete(id);
  }

  /** How many of those that wait go together: the first, and what is like it and fits. */
  #groupLength(waiting: readonly Waiting[]): number {
    const [{ content: first }] = waiting;
    let count = 0, bytes = 0;
    for (const { content } of waiting) {
      bytes += content.body.length;
      const fits = count < MAX_PARTS && bytes <= this.#options.limitBytes && areAlike(content, first);
      if (count > 0 && !fits) break;
      count++;
    }
    return count;
  }

  async #sendGroup(id: string, group: readonly Waiting[]): Promise<void> {
    try {
      const outcome = await this.#options.send(id, contentOf(group));
      if (outcome.result === "rejected") {
        // Which of them is at fault, only each by itself can tell.
        if (outcome.reason === "refused" && group.length > 1) {
          for (const request of group) await this.#sendGroup(id, [request]);
        } else for (const { settle } of group) settle({ outcome });
        return;
      }
      const { remark } = outcome;
      const told = group.length === 1 ? [readReceipt(remark)] : readReceipts(remark, group.length);
      for (const [i, { settle }] of group.entries()) settle({ outcome, ...told[i] });
    } catch (error) {
      for (const { fail } of group) fail(error);
    }
  }
}

function contentOf(group: readonly Waiting[]): PushContent {
  const [{ content }] = group;
  if (group.length === 1) return content;
  const bodies = group.map(({ content: { body } }) => body);
  return { ...content, body: concatenate(bodies), parts: bodies.map(({ length }) => length) };
}

/** Whether two requests differ in their bodies alone. */
function areAlike(a: PushContent, b: PushContent): boolean {
  if (a.contentType !== b.contentType || a.contentEncoding !== b.contentEncoding) return false;
  return a.labels === b.labels ||
    a.labels.size === b.labels.size && a.labels.entries().every(([name, value]) => b.labels.get(name) === value);
}
