/**
 * The stage of a push that brings it to the member of the ring which owns its cluster.
 *
 * @module
 */

import { Counter } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import type { Outcome } from "../../ring/protocol/effects.ts";
import type { Ring } from "../../ring/ring.ts";
import type { Push, PushReceipt, PushStage } from "../pushes/push.ts";
import { fromRing, PushRefusal } from "../pushes/refusal.ts";
import { versionOf } from "../remote_write/delta_renderer.ts";
import { readReceipt } from "../remote_write/write_receipt.ts";
import { LocalPush } from "./push_encoding.ts";

const RESULTS = ["stored", "dup", "stale", "rejected"] as const satisfies Outcome["result"][];

/** Forwards pushes; those that this member owns stay here. */
export class Forward implements PushStage {
  readonly #ring: Pick<Ring, "push">;
  readonly #forwards: Counter<"result">;

  /** Forwards through a ring. */
  constructor({ ring, registry }: { ring: Pick<Ring, "push">; registry: Registry }) {
    this.#ring = ring;
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
    const local = new LocalPush({ contentType, contentEncoding, labels, body: await push.body() });
    const outcome = await this.#ring.push(id, local);
    this.#forwards.inc({ result: outcome.result });
    if (outcome.result === "rejected") throw fromRing(outcome);
    // Another one through this member has overtaken it, which says nothing of its series: its sender brings it again.
    if (outcome.result === "stale" && versionOf(contentType) !== undefined) throw new PushRefusal("ring_busy");
    return { result: outcome.result, ...readReceipt(outcome.remark) };
  }
}
