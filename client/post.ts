/**
 * Posts samples to a receiver, whether in a push or by remote write, and reads what it says of what it took.
 *
 * @module
 */

import { readUpTo } from "../common/http/read_up_to.ts";
import { type Call, call, redirectOf, refusal, type RefusedError } from "./request.ts";

/** The most of a receiver's remark that is kept, in bytes: a line of a kilobyte for each rule there is. */
export const REMARK_LIMIT_BYTES = 25_600;

/** Where and how to post. */
export type PostOptions = Pick<Call, "url" | "token" | "clients" | "timeoutMs" | "signal" | "onStatus" | "onClock">;

/** What is posted, and where and how. */
export interface Post extends PostOptions, Pick<Call, "attempt" | "headers"> {
  /** The samples, encoded as the headers say. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** What to do about a refusal, by status. */
  readonly hints: Readonly<Record<number, string>>;
}

/** What a receiver answered, which is no redirect. */
export interface Answer {
  /** Its status and headers; its body is for one of the methods. */
  readonly response: Response;
  /** The error that it is, where its status is no success. */
  refusal(): Promise<RefusedError>;
  /** What it says of samples that it took; nothing where that is too long or cannot be read. */
  remark(): Promise<string>;
}

/**
 * Posts a body and hands the answer to `read`.
 *
 * @throws {Error} if there is no answer, or it is a redirect: what came of that would say nothing of the samples.
 */
export function post<T>({ hints, ...request }: Post, read: (answer: Answer) => Promise<T>): Promise<T> {
  const { url, token = "", headers: { authorization = "" } } = request;
  // A receiver may repeat what it was sent, by which anybody could send as well.
  const secrets = [token, authorization.slice(authorization.indexOf(" ") + 1)].filter((secret) => secret !== "");
  return call({ ...request, method: "POST" }, async (response, proxyLogin) => {
    const redirect = redirectOf(response, url);
    if (redirect !== undefined) {
      throw new Error(
        `it redirects${redirect}, which a push does not follow: point --to or --to-upload at the server itself`,
      );
    }
    return await read({
      response,
      refusal: () => refusal(response, { url, hints, secrets: [...secrets, ...proxyLogin] }),
      remark: () => readRemark(response),
    });
  });
}

async function readRemark(response: Response): Promise<string> {
  try {
    return new TextDecoder().decode(await readUpTo(response, REMARK_LIMIT_BYTES)).trim();
  } catch {
    // The samples are taken, whatever the receiver says of them.
    return "";
  }
}
