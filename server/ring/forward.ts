/**
 * The stage of a push that brings it to the member of the ring which owns its cluster.
 *
 * @module
 */

import { Counter } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import type { Outcome } from "../../ring/protocol/effects.ts";
import type { Ring } from "../../ring/ring.ts";
import type { PushContent } from "../ingest/push_content.ts";
import type { Push, PushReceipt, PushStage } from "../pushes/push.ts";
import { fromRing, PushRefusal } from "../pushes/refusal.ts";
import { versionOf } from "../remote_write/delta_renderer.ts";
import { LocalPush } from "./push_encoding.ts";
import type { Standstill } from "./standstill.ts";
import { WriteGroups } from "./write_groups.ts";

const RESULTS = ["stored", "dup", "stale", "rejected"] as const satisfies Outcome["result"][];

/** What a {@linkcode Forward} works with. */
export interface ForwardOptions {
  /** Where the owners are. */
  readonly ring: Pick<Ring, "push">;
  /** How many bytes a body may have that members take. */
  readonly limitBytes: number;
  /** Knows whether this process has just stood still. */
  readonly standstill: Pick<Standstill, "isJustOver">;
  /** Where the counter is registered. */
  readonly registry: Registry;
}

/** Forwards pushes; those that this member owns stay here. */
export class Forward implements PushStage {
  readonly #ring: Pick<Ring, "push">;
  readonly #forwards: Counter<"result">;
  readonly #writes: WriteGroups;
  readonly #standstill: ForwardOptions["standstill"];

  /** Forwards through a ring. */
  constructor({ ring, limitBytes, standstill, registry }: ForwardOptions) {
    this.#ring = ring;
    this.#standstill = standstill;
    this.#writes = new WriteGroups({ send: (id, content) => ring.push(id, new LocalPush(content)), limitBytes });
    this.#forwards = new Counter({
      name: "telemeter_server_cluster_forward",
      help: "Pushes of this member's clients by their outcome in the ring, whichever member owns them",
      labelNames: ["result"],
      registers: [registry],
    });
    for (const result of RESULTS) this.#forwards.inc({ result }, 0);
  }

  /** Resolves once the owner and those who stand by have made the push durable. */
  async accept(push: Push): Promise<PushReceipt> {
    const { id, contentType, contentEncoding, labels } = push;
    const content = { contentType, contentEncoding, labels, body: await push.body() };
    // Its client may have given up, and pushed something newer through another member: the ring has taken this one for dead.
    if (this.#standstill.isJustOver) throw new PushRefusal("ring_views_differ");
    if (versionOf(contentType) !== undefined) return await this.#write(id, content);
    const { result, remark } = this.#settled(await this.#ring.push(id, new LocalPush(content)));
    return remark === undefined ? { result } : { result, remark };
  }

  async #write(id: string, content: PushContent): Promise<PushReceipt> {
    const { outcome, ...told } = await this.#writes.send(id, content);
    const { result } = this.#settled(outcome);
    // Another one through this member has overtaken it, which says nothing of its series: its sender brings it again.
    if (result === "stale") throw new PushRefusal("ring_busy");
    return { result, ...told };
  }

  /** Counts how a push ended, and throws what its client is told of one that was rejected. */
  #settled(outcome: Outcome): Exclude<Outcome, { result: "rejected" }> {
    this.#forwards.inc({ result: outcome.result });
    if (outcome.result === "rejected") throw fromRing(outcome);
    return outcome;
  }
}
