/**
 * What a server alone shows again when it starts.
 *
 * @module
 */

import { explain } from "../../common/explain.ts";
import type { Logger } from "../../common/log.ts";
import type { MemoryGuard } from "../limits/memory_guard.ts";
import type { PushStore, StoredDelta } from "../store/push_store.ts";
import type { PushCommitter } from "./push_committer.ts";

/**
 * Shows what the store holds, with the copies that it kept for others when it was in a ring: they are not there any more. A push that
 * today's rules refuse is left out, and stays in the store until it expires.
 */
export async function restore(
  store: Pick<PushStore, "load">,
  { committer, writes, memory, log }: {
    committer: PushCommitter;
    writes: { restore(delta: StoredDelta): void };
    memory: MemoryGuard;
    log: Logger;
  },
): Promise<void> {
  let shown = 0, refused = 0, withoutRoom = 0;
  for await (const push of store.load()) {
    try {
      if (memory.state !== "room") {
        withoutRoom++;
        continue;
      }
      if ("number" in push) writes.restore(push);
      else {
        committer.restore(push);
        shown++;
      }
    } catch (error) {
      refused++;
      log.warn("Left out a stored push, which today's rules refuse", { cluster: push.id, reason: explain(error) });
    }
  }
  if (withoutRoom > 0) {
    log.error(
      "Does not show all that it has stored, as memory is short: give it more, or raise --limit-memory. Clusters are " +
        "shown when they push again and there is room",
      { shown, left: withoutRoom },
    );
  }
  log.info("Read the store", { shown, refused });
}
