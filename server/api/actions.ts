/**
 * What an operator may do to a source: revoke it, or have it forgotten. Whoever asked is told in the log.
 *
 * @module
 */

import { HttpError } from "../../common/http/http.ts";
import { explain } from "../../common/explain.ts";
import type { Logger } from "../../common/log.ts";
import type { MemberAnswer, Sources } from "./sources.ts";

/** What {@linkcode SourceActions} work with. */
export interface SourceActionsOptions {
  /** What is known of sources. */
  readonly sources: Sources;
  /** Adds an id to the list of those that are revoked; undefined if the server has no list. */
  readonly revoke?: (id: string) => Promise<void>;
  /** Forgets a source, here and at the other members of a ring, of which it returns who answered. */
  readonly forget: (id: string) => Promise<readonly MemberAnswer[]>;
  /** Told who did what. */
  readonly log: Logger;
}

/** Who asks for an action. */
export interface Asked {
  /** The address that it came from. */
  readonly by: string;
}

/** Acts on sources. */
export class SourceActions {
  readonly #options: SourceActionsOptions;

  /** Acts on the sources that are known. */
  constructor(options: SourceActionsOptions) {
    this.#options = options;
  }

  /** Whether ids can be revoked here. */
  get revokes(): boolean {
    return this.#options.revoke !== undefined;
  }

  /**
   * Revokes a source, or a stranger, at this server.
   *
   * @throws {HttpError} 404 if nothing is known of it, 409 if the list is not there or cannot be written.
   */
  async revoke(id: string, { by }: Asked): Promise<void> {
    const { sources, revoke, log } = this.#options;
    const source = await sources.details(id);
    if (source === undefined && !(await sources.strangers()).some((stranger) => stranger.id === id)) throw unknown();
    if (revoke === undefined) {
      throw new HttpError(409, "Cannot revoke a source: start the server with --revoked-file, the list to add it to", {
        reason: "revoked_file",
      });
    }
    try {
      await revoke(id);
    } catch (cause) {
      log.error("Cannot revoke a source", { cluster: id, by, error: explain(cause) });
      throw new HttpError(
        409,
        `Cannot revoke the source, as the file of --revoked-file cannot be written: ${explain(cause)}. ` +
          "Add the line that its page tells to the file yourself",
        { reason: "revoked_file", cause },
      );
    }
    log.warn("Revoked a source, as an operator asked", { cluster: id, by });
  }

  /**
   * Forgets a source that does not come any more.
   *
   * @throws {HttpError} 404 if nothing is known of it, 409 if it still comes.
   */
  async forget(id: string, { by }: Asked): Promise<readonly MemberAnswer[]> {
    const { sources, forget, log } = this.#options;
    const source = await sources.details(id);
    if (source === undefined) throw unknown();
    if (!isForgettable(source)) {
      throw new HttpError(409, `Cannot forget a source that is ${source.state}: it would be back with its next push`, {
        reason: "source",
      });
    }
    const members = await forget(id);
    const missing = members.filter(({ why }) => why !== undefined).map(({ name }) => name);
    log.warn("Forgot a source, as an operator asked", { cluster: id, by, ...missing.length > 0 && { missing } });
    return members;
  }
}

/** Whether a source may be forgotten: one that still comes would be back at once. */
export function isForgettable({ state }: { readonly state: string }): boolean {
  return state === "silent" || state === "revoked";
}

function unknown(): HttpError {
  return new HttpError(404, "Nothing is known of a source of this id", { reason: "source" });
}
