import assert from "node:assert/strict";
import type { WriteVersion } from "../../../common/remote_write/write_fields.ts";
import { readWriteAnswer, type WriteVerdict } from "../../../common/remote_write/write_answer.ts";

const SAMPLES = "x-prometheus-remote-write-samples-written";
const HISTOGRAMS = "x-prometheus-remote-write-histograms-written";

for (
  const [version, status, headers, verdict] of [
    ["1.0", 200, {}, { do: "go on" }],
    ["1.0", 204, {}, { do: "go on" }],
    ["2.0", 204, { [SAMPLES]: "0" }, { do: "go on" }],
    ["2.0", 200, { [HISTOGRAMS]: "3" }, { do: "go on" }],
    ["2.0", 204, {}, { do: "fall back" }],
    ["2.0", 204, { [SAMPLES]: "many" }, { do: "fall back" }],
    ["2.0", 415, {}, { do: "fall back" }],
    ["2.0", 400, {}, { do: "fall back" }],
    ["2.0", 400, { [SAMPLES]: "5", [HISTOGRAMS]: "2" }, { do: "go on", written: 7 }],
    ["1.0", 400, {}, { do: "drop" }],
    ["1.0", 400, { [SAMPLES]: "5" }, { do: "drop" }],
    ["1.0", 409, {}, { do: "drop" }],
    ["2.0", 409, {}, { do: "drop" }],
    ["2.0", 404, {}, { do: "drop" }],
    ["1.0", 415, {}, { do: "drop" }],
    ["1.0", 302, {}, { do: "drop" }],
    ["2.0", 429, { "retry-after": "7" }, { do: "try again", retryAfterMs: 7_000 }],
    ["1.0", 429, {}, { do: "try again", retryAfterMs: undefined }],
    ["2.0", 500, { [SAMPLES]: "5" }, { do: "try again", retryAfterMs: undefined }],
    ["1.0", 503, { "retry-after": "Thu, 01 Jan 1970 00:00:09 GMT" }, { do: "try again", retryAfterMs: 9_000 }],
  ] as [WriteVersion, number, Record<string, string>, WriteVerdict][]
) {
  Deno.test(`readWriteAnswer() has ${JSON.stringify(verdict)} follow ${status} ${JSON.stringify(headers)} to ${version}`, () => {
    const answer = { status, headers: new Headers(headers) };
    assert.deepEqual(readWriteAnswer(answer, { version, nowMs: 0 }), verdict);
  });
}
