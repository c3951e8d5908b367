/**
 * `POST /api/v1/write`: requests of remote write 1.0 and 2.0, from Prometheus, its agent, and whatever else speaks it.
 *
 * @module
 */

import { Counter } from "prom-client";
import { type Handler, HttpError } from "../../common/http/http.ts";
import type { Registry } from "../../common/metrics.ts";
import { WRITE_ENCODINGS, writeEncodingOf, writeVersionOf } from "../../common/remote_write/body_encoding.ts";
import { WRITE_VERSIONS, type WriteVersion } from "../../common/remote_write/write_fields.ts";
import type { Push, WriteReceipt } from "../pushes/push.ts";
import { type IntakeOptions, pushIntake } from "../pushes/push_intake.ts";
import { PUSH_REJECTION_REASONS } from "../pushes/refusal.ts";

/** What the handler works with. */
export interface ReceiveOptions extends IntakeOptions {
  /** Where the counters are registered. */
  readonly registry: Registry;
}

/** How a request may end. */
const RESULTS = ["stored", "partial", "rejected"] as const;

/** The handler of `POST /api/v1/write`. It answers 204 only once the request is durable where it belongs. */
export function receive(options: ReceiveOptions): Handler {
  const { requests, rejections, samples, histograms, exemplars } = countersOf(options.registry);
  const take = pushIntake(options, {
    refused: "Refused a request of remote write",
    formOf: (headers) => ({
      contentType: `remote write ${readVersion(writeVersionOf(headers.get("content-type")))}`,
      contentEncoding: readEncoding(headers.get("content-encoding")),
    }),
    isText: () => false,
    countRefusal: (error, headers) => {
      requests.inc({ version: writeVersionOf(headers.get("content-type")) ?? "none", result: "rejected" });
      rejections.inc({ reason: error instanceof HttpError ? error.reason : "internal" });
    },
  });

  return async (request, peer) => {
    const { write: told, remark } = await take(request, peer);
    const write = told ?? NOTHING;
    const { lost, received } = write;
    const isPartial = lost.samples + lost.histograms > 0;
    const version = writeVersionOf(request.headers.get("content-type"));
    requests.inc({ version, result: isPartial ? "partial" : "stored" });
    samples.inc(received.samples);
    histograms.inc(received.histograms);
    exemplars.inc(write.exemplars);
    // What the owner of the cluster had before, from another try of ours, nobody counts again.
    return told === undefined ? new Response(null, { status: 204 }) : answerOf(told, { isPartial, remark });
  };
}

const NOTHING: WriteReceipt = {
  received: { samples: 0, histograms: 0 },
  lost: { samples: 0, histograms: 0 },
  exemplars: 0,
};

/** Says how much was taken. What was left out is told with a status by which senders do not send it again, as Prometheus does. */
function answerOf(
  { received, lost }: WriteReceipt,
  { isPartial, remark = "" }: { isPartial: boolean; remark?: string },
): Response {
  const headers = {
    "x-prometheus-remote-write-samples-written": String(received.samples - lost.samples),
    "x-prometheus-remote-write-histograms-written": String(received.histograms - lost.histograms),
    "x-prometheus-remote-write-exemplars-written": "0",
  };
  if (!isPartial) return new Response(null, { status: 204, headers });
  const count = lost.samples + lost.histograms;
  const text = `Took all but ${count} of ${received.samples + received.histograms} samples\n${remark}\n`;
  return new Response(text, { status: 400, headers: { ...headers, "content-type": "text/plain; charset=utf-8" } });
}

function readVersion(version: WriteVersion | undefined): WriteVersion {
  if (version !== undefined) return version;
  throw new HttpError(
    415,
    "Cannot read this Content-Type: send a prometheus.WriteRequest or an io.prometheus.write.v2.Request",
    {
      reason: "encoding",
    },
  );
}

function readEncoding(header: string | null): Push["contentEncoding"] {
  const encoding = writeEncodingOf(header);
  if (encoding !== undefined) return encoding;
  throw new HttpError(415, `Cannot read this Content-Encoding: send ${WRITE_ENCODINGS.join(", ")}`, {
    reason: "encoding",
    headers: { "accept-encoding": WRITE_ENCODINGS.join(", ") },
  });
}

function countersOf(registry: Registry) {
  const registers = [registry];
  const requests = new Counter({
    name: "telemeter_remote_write_requests_total",
    help:
      "Requests of remote write by version and outcome: stored, stored but for samples that break a rule (partial), or " +
      "rejected",
    labelNames: ["version", "result"],
    registers,
  });
  for (const version of WRITE_VERSIONS) for (const result of RESULTS) requests.inc({ version, result }, 0);
  requests.inc({ version: "none", result: "rejected" }, 0);
  const rejections = new Counter({
    name: "telemeter_remote_write_rejections_total",
    help: "Refused requests of remote write, by reason",
    labelNames: ["reason"],
    registers,
  });
  for (const reason of PUSH_REJECTION_REASONS) rejections.inc({ reason }, 0);
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  return {
    requests,
    rejections,
    samples: counter(
      "telemeter_remote_write_samples_total",
      "Samples in accepted requests of remote write, without native histograms",
    ),
    histograms: counter(
      "telemeter_remote_write_histograms_total",
      "Native histograms in accepted requests of remote write",
    ),
    exemplars: counter(
      "telemeter_remote_write_exemplars_total",
      "Exemplars in accepted requests of remote write, none of which is shown",
    ),
  };
}
