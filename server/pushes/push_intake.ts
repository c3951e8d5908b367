/**
 * From a request to the end of its push, by whichever path it comes: whose it is, its place among others, and what the directory
 * and the log are told.
 *
 * @module
 */

import { addressBlock } from "../../common/http/addresses.ts";
import { type Peer, readBody } from "../../common/http/http.ts";
import type { RepeatLog } from "../../common/repeat_log.ts";
import type { Logger } from "../../common/log.ts";
import { plainFields, plainText } from "../../common/plain_text.ts";
import type { Authenticate, Credentials } from "../authorization/authenticate.ts";
import type { Directory } from "../directory/directory.ts";
import type { HeldRefusals } from "../limits/held_refusals.ts";
import type { UploadSlots } from "../limits/upload_slots.ts";
import { remedyOf } from "./limit_flags.ts";
import type { Push, PushReceipt, PushStage } from "./push.ts";
import { refusalOf } from "./refusal.ts";

/** What pushes go through. */
export interface IntakeOptions {
  /** Tells whose a request is. */
  readonly authenticate: Authenticate;
  /** What pushes go through. */
  readonly stage: PushStage;
  /** The most bytes that a body may have as sent. */
  readonly limitBytes: number;
  /** The slots of pushes at work, which others may share. */
  readonly slots: UploadSlots;
  /** Holds refusals back, which others may share. */
  readonly held: Pick<HeldRefusals, "back">;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told why pushes are refused. */
  readonly refusals: RepeatLog;
  /** Told who pushes, and of whom a push is refused. */
  readonly directory: Pick<Directory, "broughtBy" | "refused">;
}

/** What a path has of its own. */
export interface IntakePath {
  /** What the log says of a refusal, a sentence. */
  readonly refused: string;
  /** Told of pushes that come too often, in place of the log of refusals, which they would fill by just that. */
  readonly tooOften?: Logger;
  /** What form a body has; it throws what is refused for its form. */
  formOf(headers: Headers): Pick<Push, "contentType" | "contentEncoding">;
  /** Whether a body is text. */
  isText(headers: Headers): boolean;
  /** Counts what is refused, before its answer is held back. */
  countRefusal(error: unknown, headers: Headers): void;
}

/** What was taken: the push, and what its client is told. */
export interface TakenPush extends PushReceipt {
  /** Whose it is. */
  readonly id: string;
}

/** Makes what takes the requests of a path. It resolves once a push is settled, and rejects with what is answered if it is refused. */
export function pushIntake(
  { authenticate, stage, limitBytes, slots, held, now, refusals, directory }: IntakeOptions,
  path: IntakePath,
): (request: Request, peer: Peer) => Promise<TakenPush> {
  const take = async (
    request: Request,
    { peer, credentials: { id, labels, keyId, tokenEndsMs } }: { peer: Peer; credentials: Credentials },
  ): Promise<TakenPush> => {
    const { headers } = request;
    using slot = slots.take(id);
    try {
      let body: Promise<Uint8Array> | undefined;
      const push: Push = {
        id,
        labels,
        ...path.formOf(headers),
        receivedAtMs: now(),
        maxBytes: Math.min(limitBytes, Number(headers.get("content-length") ?? limitBytes)),
        body: () => body ??= slot.whileItComes(readBody(request, { limitBytes })),
      };
      const receipt = await stage.accept(push);
      const userAgent = plainText(headers.get("user-agent") ?? "");
      const address = addressBlock(peer.address);
      directory.broughtBy(id, { userAgent, address, keyId, tokenEndsMs, atMs: push.receivedAtMs });
      return { id, ...receipt };
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      const { status, reason, message, detail = message } = refusal;
      const remedy = remedyOf(refusal, { isText: path.isText(headers) });
      const at = new URL(request.url).pathname;
      directory.refused(id, { stage: "push", path: at, status, reason, why: plainText(detail), ...remedy });
      const { raise, lower } = remedy;
      const flag = { ...raise !== undefined && { raise }, ...lower !== undefined && { lower } };
      const fields = plainFields({ cluster: id, status, reason, why: detail, ...flag });
      if (status === 429 && path.tooOften !== undefined) path.tooOften.debug(path.refused, fields);
      // What the server lacks it lacks for every cluster, of which there may be very many.
      else refusals.add(status === 503 ? reason : `${id} ${reason}`, path.refused, fields);
      throw refusal;
    }
  };

  return async (request, peer) => {
    let id: string | undefined;
    try {
      const credentials = await authenticate(request, peer);
      id = credentials.id;
      return await take(request, { peer, credentials });
    } catch (error) {
      path.countRefusal(error, request.headers);
      // Its slot is free by now.
      if (id !== undefined) await held.back(id, peer);
      throw error;
    }
  };
}
