/**
 * The one place where an error becomes an answer: in words for whom the listener faces, and the rest for the log.
 *
 * @module
 */

import { BoundedMap } from "../bounded_map.ts";
import { stackOf } from "../explain.ts";
import { RepeatLog } from "../repeat_log.ts";
import type { Logger } from "../log.ts";
import { plainFields } from "../plain_text.ts";
import { HttpError } from "./http.ts";

/** Who reads the answers: people of whom nothing is known, or those who run the program. */
export type Audience = "strangers" | "operators";

/** What {@linkcode ErrorAnswers} work with. */
export interface ErrorAnswersOptions {
  /** Gets what the answers do not tell, under the ids that they tell. */
  readonly log: Logger;
  /**
   * Who reads them.
   *
   * @default {"strangers"}
   */
  readonly audience?: Audience;
}

/** Causes whose ids are remembered. */
const MAX_CAUSES = 1_000;

/** Makes the answers of one listener or app. */
export class ErrorAnswers {
  readonly #audience: Audience;
  readonly #failures: RepeatLog;
  readonly #reasons: RepeatLog;
  /** The id of each cause: the same as long as it is remembered, so that the log need not have a line for each answer. */
  readonly #ids = new BoundedMap<string, string>(MAX_CAUSES);

  /** Has answered nothing yet. */
  constructor({ log, audience = "strangers" }: ErrorAnswersOptions) {
    this.#audience = audience;
    this.#failures = new RepeatLog(log, { level: "error" });
    this.#reasons = new RepeatLog(log, { level: "warn" });
  }

  /**
   * The answer to whatever a handler threw. An {@linkcode HttpError} tells its message, and its detail to operators alone; of
   * that and of any other error strangers learn an id, under which the log has it.
   */
  answer(error: unknown, request?: Request): Response {
    if (!(error instanceof HttpError)) {
      const id = this.#tell(this.#failures, "Failed to handle a request", { error: stackOf(error) }, request);
      return text(500, `Internal error: the server's log has it under ${id}`);
    }
    const { status, message, detail, headers, reason } = error;
    if (detail === undefined) return text(status, message, headers);
    if (this.#audience === "operators") return text(status, `${message}: ${detail}`, headers);
    const id = this.#tell(this.#reasons, "Refused a request", { status, reason, why: detail }, request);
    return text(status, `${message}: the server's log says why under ${id}`, headers);
  }

  /** Writes a cause into the log, where it was not told just now, and returns its id. */
  #tell(log: RepeatLog, sentence: string, what: Record<string, unknown>, request: Request | undefined): string {
    const cause = JSON.stringify(Object.values(what));
    const id = this.#ids.get(cause) ?? crypto.randomUUID();
    this.#ids.set(cause, id);
    const path = URL.parse(request?.url ?? "")?.pathname;
    log.add(id, sentence, { id, ...plainFields({ method: request?.method, path }), ...what });
    return id;
  }
}

function text(status: number, message: string, headers?: Readonly<Record<string, string>>): Response {
  return new Response(`${message}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });
}
