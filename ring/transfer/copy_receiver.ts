/**
 * Takes what other members bring: offers of what they hold, and copies.
 *
 * @module
 */

import type { RingContext } from "../membership/ring_context.ts";
import { type Clock, send } from "../protocol/effects.ts";
import type { EntryTable, HeldEntry } from "../replication/entry_table.ts";
import type { CommitSerializer } from "../replication/commit_serializer.ts";
import { isBelievedTime } from "../protocol/headroom.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";
import { compareVersions } from "../protocol/push_version.ts";
import { BUSY_RETRY_MS } from "../replication/put_handler.ts";
import { type Hash64, keyHash } from "../placement/rendezvous.ts";
import type { RingView } from "../placement/view.ts";

/** What a {@linkcode CopyReceiver} works with, besides the ring's context. */
export interface CopyReceiverOptions {
  /** What is held. */
  readonly table: EntryTable;
  /** Makes durable. */
  readonly serializer: CommitSerializer;
  /** Called with what was stored, before it is answered. */
  readonly onStored: (held: HeldEntry, stored: { from: string; clock: Clock }) => void;
}

/** Takes offers and copies. */
export class CopyReceiver {
  readonly #context: RingContext;
  readonly #options: CopyReceiverOptions;
  // The view as it will be with us, or without the member named: made when first needed.
  readonly #futures = new Map<string, RingView>();

  /** Starts with nothing under way. */
  constructor(context: RingContext, options: CopyReceiverOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** The view has changed. */
  viewChanged() {
    this.#futures.clear();
  }

  /** A member offers what it holds: we want what we lack or have older. */
  offered(from: string, { request, view: digest, holdings: theirs }: MessageOf<"OFFER">, { now, wall }: Clock): void {
    const { table } = this.#options;
    if (digest !== this.#context.view().digest) return this.#send(from, { type: "NACK", request, code: "NOT_OWNER" });
    const ids = theirs.filter(({ id, version }) => {
      if (!isBelievedTime(version.ms, wall)) return false;
      const held = table.get(id, now);
      return held === undefined || compareVersions(held.version, version) < 0;
    }).map(({ id }) => id);
    this.#send(from, { type: "WANT", request, ids });
  }

  /** A member brings a copy: we keep it if it belongs here, or will once the sender has left or we have joined. */
  copied(from: string, { request, id, version, view, ageMs, pushed, bytes }: MessageOf<"COPY">, clock: Clock): void {
    const { serializer, onStored } = this.#options;
    const { name, limits, ttlMs } = this.#context;
    const key = keyHash(id);
    const role = pushed
      ? this.#roleAsKeeper(from, { view, key })
      : this.#views(from).map((view) => roleIn(view, { key, name })).find((role) => role !== undefined);
    if (role === undefined) return this.#send(from, { type: "NACK", request, code: "NOT_OWNER" });
    if (bytes.length > limits.pushBytes) return this.#send(from, { type: "NACK", request, code: "TOO_BIG" });
    // Nobody needs a copy of what is expired, so it is as good as taken; and what no push could be newer than is better lost.
    const isBelieved = isBelievedTime(version.ms, clock.wall);
    if (!isBelieved) this.#context.emit({ do: "unread", type: "COPY" });
    if (!isBelieved && pushed) return this.#send(from, { type: "NACK", request, code: "REFUSED" });
    if (!isBelieved || ageMs >= ttlMs) return this.#send(from, { type: "COPY_OK", request });
    serializer.take({
      id,
      version,
      ageMs,
      role,
      bytes,
      done: (result, clock) => {
        switch (result.type) {
          case "stored":
            onStored(result.held, { from, clock });
            return this.#send(from, { type: "COPY_OK", request });
          case "dup":
          case "stale":
            return this.#send(from, { type: "COPY_OK", request });
          case "refused":
            // Brought again it would be refused again; but a client is answered only for what is kept.
            if (pushed) return this.#send(from, { type: "NACK", request, code: "REFUSED" });
            return this.#send(from, { type: "COPY_OK", request });
          case "busy":
            return this.#send(from, { type: "NACK", request, code: "BUSY", retryMs: BUSY_RETRY_MS });
          case "failed":
            return this.#send(from, { type: "NACK", request, code: "STORE_FAILED", retryMs: BUSY_RETRY_MS });
        }
      },
    }, clock);
  }

  /**
   * What we are for a push that its owner has others keep before it answers a client: a keeper, if that is the owner by our view, too,
   * and we have accepted no later one. Else there may be an owner that shows the cluster by now.
   */
  #roleAsKeeper(from: string, { view: digest, key }: { view: string; key: Hash64 }): "standby" | undefined {
    const view = this.#context.view();
    const { name } = this.#context;
    const isKeeper = view.has(name) && this.#context.isServing() && this.#context.isCurrent();
    return isKeeper && digest === view.digest && view.place(key)?.owner === from ? "standby" : undefined;
  }

  /** The views by which an entry may belong here: as it is, with us, without the sender. */
  #views(from: string): RingView[] {
    const view = this.#context.view();
    const self = this.#context.self();
    const views = [view];
    if (self.phase === "JOINING") views.push(this.#future("", () => view.with(self)));
    if (view.has(from)) views.push(this.#future(from, () => view.without(from)));
    return views;
  }

  #future(key: string, make: () => RingView): RingView {
    let view = this.#futures.get(key);
    if (view === undefined) this.#futures.set(key, view = make());
    return view;
  }

  #send(to: string, message: Message) {
    this.#context.emit(send(to, message));
  }
}

function roleIn(view: RingView, { key, name }: { key: Hash64; name: string }): "owner" | "standby" | undefined {
  const placement = view.place(key);
  return placement?.owner === name ? "owner" : placement?.standby === name ? "standby" : undefined;
}
