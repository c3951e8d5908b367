/**
 * `POST /upload`: who pushes, in what form, and what became of it.
 *
 * @module
 */

import { Counter } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import { type ExpositionFormat, expositionFormat } from "../../common/exposition/exposition_format.ts";
import { type Handler, HttpError } from "../../common/http/http.ts";
import { plainText } from "../../common/plain_text.ts";
import type { Logger } from "../../common/log.ts";
import { type PushContentEncoding, UPLOAD_ENCODINGS } from "../ingest/push_content.ts";
import { type IntakeOptions, pushIntake } from "./push_intake.ts";
import { PUSH_REJECTION_REASONS } from "./refusal.ts";

/** What the handler works with. */
export interface UploadOptions extends IntakeOptions {
  /** Told of each push, and of those that come too often. */
  readonly log: Logger;
  /** Where the counters are registered. */
  readonly registry: Registry;
}

/** The handler of `POST /upload`. It answers 200 only once the push is durable where it belongs. */
export function upload(options: UploadOptions): Handler {
  const { log, registry } = options;
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

  const take = pushIntake(options, {
    refused: "Refused a push",
    tooOften: log,
    formOf: (headers) => ({
      contentType: readContentType(headers.get("content-type")),
      contentEncoding: readContentEncoding(headers.get("content-encoding")),
    }),
    isText: (headers) => readContentType(headers.get("content-type")) !== "protobuf",
    countRefusal: (error) => {
      pushes.inc({ result: "rejected" });
      rejections.inc({ reason: error instanceof HttpError ? error.reason : "internal" });
    },
  });

  return async (request, peer) => {
    const { id, result, remark } = await take(request, peer);
    pushes.inc({ result });
    log.debug("Accepted a push", {
      cluster: plainText(id),
      result,
      ...remark !== undefined && { remark: plainText(remark) },
    });
    // Clients of openshift/telemeter look at the status alone.
    return new Response(remark === undefined ? null : remark + "\n", { status: 200, headers: TEXT });
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
