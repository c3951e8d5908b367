/**
 * Questions that the servers of a ring ask each other beside the ring's own work: bytes there, bytes back, nothing in between.
 *
 * @module
 */

import { explain } from "../../common/explain.ts";
import type { MeshLink, MeshMessage } from "../protocol/mesh.ts";

/** Answers a question of another member; what it throws is told there as a sentence. */
export type Answerer = (question: { readonly topic: string; readonly body: Uint8Array }) => Promise<Uint8Array>;

/** What {@linkcode Questions} works with. */
export interface QuestionsOptions {
  /** Hands a message to the link with that name; false if there is none or it is full. */
  readonly send: (to: string, message: MeshMessage) => boolean;
  /** Answers what others ask. */
  readonly answer: Answerer;
}

/** A question that has no answer. The message says why, in a sentence. */
export class UnansweredError extends Error {
  /** Stable, for callers that look for it. */
  readonly code = "unanswered";
  /** The name that stack traces show. */
  override readonly name = "UnansweredError";
}

/** Questions of one member that are answered at a time. */
const MAX_OPEN = 32;

/** The longest answer that one frame takes beside its head. */
export const MAX_ANSWER_BYTES: number = 1_024 * 1_024 - 4_096;

interface Asked {
  readonly to: string;
  readonly settle: (answer: Uint8Array | UnansweredError) => void;
}

/** Asks and answers. */
export class Questions {
  readonly #options: QuestionsOptions;
  readonly #asked = new Map<number, Asked>();
  readonly #open = new Map<string, number>();
  #request = 0;

  /** Asks nothing yet. */
  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  /**
   * Asks a member.
   *
   * @throws {UnansweredError} if it cannot be reached, does not answer in time, or says that it cannot answer.
   */
  ask(
    to: string,
    { topic, body, timeoutMs }: { readonly topic: string; readonly body: Uint8Array; readonly timeoutMs: number },
  ): Promise<Uint8Array> {
    const request = this.#request = this.#request % 0xffff_ffff + 1;
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const timer = setTimeout(
      () => settle(new UnansweredError(`It has not answered within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const settle = (answer: Uint8Array | UnansweredError) => {
      clearTimeout(timer);
      this.#asked.delete(request);
      if (answer instanceof UnansweredError) reject(answer);
      else resolve(answer);
    };
    this.#asked.set(request, { to, settle });
    const isSent = this.#options.send(to, { type: "ASK", request, header: { topic }, body });
    if (!isSent) settle(new UnansweredError("There is no link to it"));
    return promise;
  }

  /** Takes a message; false if it is none of a question. */
  take({ peer: { name } }: MeshLink, message: MeshMessage): boolean {
    if (message.type === "ASK") void this.#answer(name, message);
    else if (message.type !== "ANSWER") return false;
    else {
      const asked = this.#asked.get(message.request);
      if (asked?.to !== name) return true;
      const { why } = message.header;
      asked.settle(typeof why === "string" ? new UnansweredError(why) : message.body);
    }
    return true;
  }

  /** Whoever waits for an answer of a member whose link has ended waits no longer. */
  linkDown(name: string): void {
    for (const { to, settle } of this.#asked.values()) {
      if (to === name) settle(new UnansweredError("The link to it has ended"));
    }
  }

  /** Nobody waits any longer. */
  close(): void {
    for (const { settle } of this.#asked.values()) settle(new UnansweredError("This server has left the ring"));
  }

  async #answer(from: string, { request, header, body }: MeshMessage): Promise<void> {
    const open = this.#open.get(from) ?? 0;
    const reply = (header: MeshMessage["header"], body: Uint8Array = NOTHING) =>
      this.#options.send(from, { type: "ANSWER", request, header, body });
    if (open >= MAX_OPEN) return void reply({ why: "It is busy with other questions" });
    this.#open.set(from, open + 1);
    try {
      const { topic } = header;
      if (typeof topic !== "string") throw new SyntaxError("The question has no topic");
      const answer = await this.#options.answer({ topic, body });
      if (answer.length > MAX_ANSWER_BYTES) throw new RangeError("The answer is too long");
      reply({}, answer);
    } catch (error) {
      reply({ why: explain(error) });
    } finally {
      const left = this.#open.get(from)! - 1;
      if (left === 0) this.#open.delete(from);
      else this.#open.set(from, left);
    }
  }
}

const NOTHING = new Uint8Array();
