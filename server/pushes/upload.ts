/**
 * `POST /upload`: who pushes, in what form, and what became of it.
 *
 * @module
 */

import { Counter } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import { type ExpositionFormat, expositionFormat } from "../../common/exposition/exposition_format.ts";
import { type Handler, HttpError, readBody } from "../../common/http/http.ts";
import { addressBlock } from "../../common/http/addresses.ts";
import { plainFields, plainText } from "../../common/plain_text.ts";
import type { RepeatLog } from "../../common/line_limit.ts";
import type { Logger } from "../../common/log.ts";
import type { Authenticate } from "../authorization/authenticate.ts";
import type { Directory } from "../directory/directory.ts";
import { type PushContentEncoding, UPLOAD_ENCODINGS } from "../ingest/push_content.ts";
import type { UploadSlots } from "../limits/upload_slots.ts";
import type { Push, PushStage } from "./push.ts";
import { remedyOf } from "./limit_flags.ts";
import { PUSH_REJECTION_REASONS, refusalOf } from "./refusal.ts";

/** What the handler works with. */
export interface UploadOptions {
  /** Tells whose a request is. */
  readonly authenticate: Authenticate;
  /** What pushes go through. */
  readonly stage: PushStage;
  /** The most bytes that a body may have as sent. */
  readonly limitBytes: number;
  /** The slots of pushes at work, which others may share. */
  readonly slots: UploadSlots;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told of pushes that come too often. */
  readonly log: Logger;
  /** Told why other pushes are refused. */
  readonly refusals: RepeatLog;
  /** Told who pushes, and of whom a push is refused. */
  readonly directory: Pick<Directory, "broughtBy" | "refused">;
  /** Where the counters are registered. */
  readonly registry: Registry;
}

/** The handler of `POST /upload`. It answers 200 only once the push is durable where it belongs. */
export function upload(options: UploadOptions): Handler {
  const { authenticate, stage, limitBytes, slots, now } = options;
  const { log, refusals, directory, registry } = options;
  const pushes = new Counter({
    name: "telemeter_pushes_total",
    help: "Pushes by outcome; each has exactly one",
    labelNames: ["result"],
    registers: [registry],
  });
  for (const result of ["stored", "dup", "stale", "rejected"]) pushes.inc({ result }, 0);
  const rejections = new Counter({
    name: "telemeter_push_rejections_total",
    help: "Refused pushes, by reason",
    labelNames: ["reason"],
    registers: [registry],
  });
  for (const reason of PUSH_REJECTION_REASONS) rejections.inc({ reason }, 0);

  const accept: Handler = async (request, peer) => {
    const { id, labels, keyId, tokenEndsMs } = await authenticate(request, peer);
    using slot = slots.take(id);
    try {
      let body: Promise<Uint8Array> | undefined;
      const push: Push = {
        id,
        labels,
        contentType: readContentType(request.headers.get("content-type")),
        contentEncoding: readContentEncoding(request.headers.get("content-encoding")),
        receivedAtMs: now(),
        maxBytes: Math.min(limitBytes, Number(request.headers.get("content-length") ?? limitBytes)),
        body: () => body ??= slot.whileItComes(readBody(request, { limitBytes })),
      };
      const { result, remark } = await stage.accept(push);
      pushes.inc({ result });
      log.debug("Accepted a push", {
        cluster: plainText(id),
        result,
        ...remark !== undefined && { remark: plainText(remark) },
      });
      const userAgent = plainText(request.headers.get("user-agent") ?? "");
      const address = addressBlock(peer.address);
      directory.broughtBy(id, { userAgent, address, keyId, tokenEndsMs, atMs: push.receivedAtMs });
      // Clients of openshift/telemeter look at the status alone.
      return new Response(remark === undefined ? null : remark + "\n", { status: 200, headers: TEXT });
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      const { status, reason, message, detail = message } = refusal;
      const isText = readContentType(request.headers.get("content-type")) !== "protobuf";
      const remedy = remedyOf({ status, reason, message: detail, isText });
      directory.refused(id, { stage: "push", path: "/upload", status, reason, why: plainText(detail), ...remedy });
      const { raise, lower } = remedy;
      const flag = { ...raise !== undefined && { raise }, ...lower !== undefined && { lower } };
      const fields = plainFields({ cluster: id, status, reason, why: detail, ...flag });
      // Who comes too often would fill the log by just that.
      if (status === 429) log.debug("Refused a push", fields);
      // What the server lacks it lacks for every cluster, of which there may be very many.
      else refusals.add(status === 503 ? reason : `${id} ${reason}`, "Refused a push", fields);
      throw refusal;
    }
  };

  return async (request, peer) => {
    try {
      return await accept(request, peer);
    } catch (error) {
      pushes.inc({ result: "rejected" });
      rejections.inc({ reason: error instanceof HttpError ? error.reason : "internal" });
      throw error;
    }
  };
}

const TEXT = { "content-type": "text/plain; charset=utf-8" };

/** What names no format that we know is taken for the text format, as openshift/telemeter does. */
function readContentType(header: string | null): ExpositionFormat {
  return expositionFormat(header) ?? "text";
}

function readContentEncoding(header: string | null): PushContentEncoding {
  const wanted = (header ?? "").trim().toLowerCase() || "identity";
  const encoding = UPLOAD_ENCODINGS.find((known) => known === wanted);
  if (encoding !== undefined) return encoding;
  throw new HttpError(415, "Cannot read this Content-Encoding: send framed snappy, gzip or identity", {
    reason: "encoding",
    headers: { "accept-encoding": UPLOAD_ENCODINGS.join(", ") },
  });
}
