/**
 * The stage of a push that brings it to the member of the ring which owns its cluster.
 *
 * @module
 */

import { Counter } from "prom-client";
import { HttpError } from "../../common/http/http.ts";
import type { Registry } from "../../common/metrics.ts";
import type { Outcome } from "../../ring/protocol/effects.ts";
import type { Ring } from "../../ring/ring.ts";
import type { Push, PushOutcome, PushStage } from "../pushes/push.ts";
import { retryAfterSeconds } from "../limits/rate_limit.ts";
import { encodePush } from "./push_encoding.ts";
import { errorOf } from "./refusal.ts";

type RejectReason = Extract<Outcome, { result: "rejected" }>["reason"];

const RESULTS = ["stored", "dup", "stale", "standby", "rejected"] as const satisfies Outcome["result"][];

/** What the client is told; all but a refusal may pass, so it shall try again. */
const SENTENCES: Readonly<Record<Exclude<RejectReason, "refused" | "too-big">, string>> = {
  "fenced": "Cannot take the push as this server has lost the others of its ring: try again later",
  "busy": "Cannot take the push as too many wait for other servers of the ring: try again later",
  "owner-busy": "Cannot take the push as the server that owns the cluster is busy: try again later",
  "unreachable": "Cannot reach a server that may keep the push: try again later",
  "views-differ": "Cannot tell which server owns the cluster, as the ring is changing: try again later",
  "store": "Cannot keep the push as the store fails: try again later",
};

/** Forwards pushes; those that this member owns stay here. */
export class Forward implements PushStage {
  readonly #ring: Pick<Ring, "push">;
  readonly #forwards: Counter<"result">;

  /** Forwards through a ring. */
  constructor({ ring, registry }: { ring: Pick<Ring, "push">; registry: Registry }) {
    this.#ring = ring;
    this.#forwards = new Counter({
      name: "telemeter_server_cluster_forward",
      help: "Pushes of this member's clients by what the ring made of them, whichever member owns them",
      labelNames: ["result"],
      registers: [registry],
    });
    for (const result of RESULTS) this.#forwards.inc({ result }, 0);
  }

  /** Resolves once the owner, or in its absence the standby, has made the push durable. */
  async accept(push: Push): Promise<PushOutcome> {
    const outcome = await this.#ring.push(push.id, encodePush({ ...push, body: await push.body() }));
    this.#forwards.inc({ result: outcome.result });
    if (outcome.result === "rejected") throw rejection(outcome);
    return outcome.result;
  }
}

function rejection({ reason, retryMs, refused }: Extract<Outcome, { result: "rejected" }>): Error {
  if (reason === "refused" && refused !== undefined) return errorOf(refused);
  if (reason === "refused" || reason === "too-big") {
    return new HttpError(413, "Cannot take the push as it is larger than a server of the ring takes", {
      reason: "too_big",
    });
  }
  const headers = { "retry-after": retryAfterSeconds(retryMs ?? 0) };
  return new HttpError(503, SENTENCES[reason], { reason: `ring_${reason.replaceAll("-", "_")}`, headers });
}
