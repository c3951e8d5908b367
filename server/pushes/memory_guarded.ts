/**
 * The stage that takes in no body for which there is no memory.
 *
 * @module
 */

import { CapacityError } from "../limits/capacity.ts";
import type { MemoryGuard } from "../limits/memory_guard.ts";
import type { Push, PushReceipt, PushStage } from "./push.ts";

/** Lets pushes through to the next stage while there is memory, and counts their bodies as long as they are on their way. */
export class MemoryGuarded implements PushStage {
  readonly #next: PushStage;
  readonly #memory: Pick<MemoryGuard, "state" | "expect">;

  /** Wraps `next`. */
  constructor(next: PushStage, memory: Pick<MemoryGuard, "state" | "expect">) {
    this.#next = next;
    this.#memory = memory;
  }

  /** Rejects with a {@linkcode CapacityError} where memory is nearly used up. */
  async accept(push: Push): Promise<PushReceipt> {
    if (this.#memory.state === "full") throw CapacityError.ofMemory("the push");
    const body = async () => {
      using _expected = this.#memory.expect(push.maxBytes);
      return await push.body();
    };
    return await this.#next.accept({ ...push, body });
  }
}
