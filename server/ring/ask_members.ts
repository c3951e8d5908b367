/**
 * Asks the other servers of a ring, and names those that do not answer.
 *
 * @module
 */

import { gunzipSync, gzipSync } from "node:zlib";
import { explain } from "../../common/explain.ts";
import { UnansweredError } from "../../ring/transport/questions.ts";
import type { Ring } from "../../ring/ring.ts";
import type { MemberAnswer } from "../api/sources.ts";

/** The ring that is asked. */
export type AskedRing = Pick<Ring, "ask" | "status" | "name">;

/** A question that is JSON, and so is its answer. */
export interface JsonQuestion<T> {
  /** What it is about. */
  readonly topic: string;
  /** What `JSON.stringify` takes. */
  readonly asked: unknown;
  /** Tells an answer from whatever else another server, perhaps of another version, may send. */
  readonly isAnswer: (answer: unknown) => answer is T;
}

/**
 * Which other servers are asked: those that may have sources now, or all that are known. A dead one that is out of the view has none:
 * its clusters are others'. It may come back.
 */
export type Asked = "present" | "known";

/** How long other servers are waited for, in milliseconds. */
const TIMEOUT_MS = 500;

/** The longest answer that is unpacked, in bytes. */
const MAX_TEXT_BYTES = 64 * 1_048_576;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Asks one server.
 *
 * @throws {UnansweredError} if there is no answer in time, or it cannot be read.
 */
export async function askMember<T>(
  ring: Pick<AskedRing, "ask">,
  { to, topic, asked, isAnswer }: JsonQuestion<T> & { readonly to: string },
): Promise<T> {
  const body = await ring.ask(to, { topic, body: encoder.encode(JSON.stringify(asked)), timeoutMs: TIMEOUT_MS });
  const answer = unpackAnswer(body);
  if (!isAnswer(answer)) {
    throw new UnansweredError("Its answer cannot be read: run the same version on all servers of the ring");
  }
  return answer;
}

/** Asks the other servers at once. Of this one there is no answer, but its name is in the list of those that answer. */
export async function askMembers<T>(
  ring: AskedRing,
  { whom, ...question }: JsonQuestion<T> & { readonly whom: Asked },
): Promise<{ readonly answers: ReadonlyMap<string, T>; readonly members: readonly MemberAnswer[] }> {
  const { members: known, view } = ring.status();
  // Who has left is no part of the ring; who has died is missed for as long as the ring places clusters on it.
  const others = known.filter(({ name, status }) =>
    name !== ring.name && status !== "LEFT" &&
    (whom === "known" || status !== "DEAD" || view.members.includes(name))
  );
  const answers = new Map<string, T>();
  const members = await Promise.all(others.map(async ({ name }): Promise<MemberAnswer> => {
    try {
      answers.set(name, await askMember(ring, { to: name, ...question }));
      return { name };
    } catch (error) {
      if (!(error instanceof UnansweredError)) throw error;
      return { name, why: explain(error) };
    }
  }));
  return { answers, members: [{ name: ring.name }, ...members].sort((a, b) => a.name < b.name ? -1 : 1) };
}

/** An answer as it travels. */
export function packAnswer(answer: unknown): Uint8Array {
  return gzipSync(JSON.stringify(answer ?? null));
}

/** What {@linkcode packAnswer} has packed; undefined if it is something else. */
function unpackAnswer(body: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(gunzipSync(body, { maxOutputLength: MAX_TEXT_BYTES })));
  } catch {
    // Whether it is no gzip, or no JSON, tells nobody what to do.
    return undefined;
  }
}

/** What was asked, from what has travelled. */
export function unpackQuestion(body: Uint8Array): unknown {
  return JSON.parse(decoder.decode(body));
}
