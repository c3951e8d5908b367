import assert from "node:assert/strict";
import { expositionFormat } from "../../../common/exposition/exposition_format.ts";
import { PROTOBUF_CONTENT_TYPE } from "../../../common/exposition/protobuf.ts";
import { TEXT_CONTENT_TYPE } from "../../../common/exposition/text_format.ts";

Deno.test("expositionFormat() reads a Content-Type as expfmt of Go does, and knows OpenMetrics besides", () => {
  const rows: readonly (readonly [contentType: string | null, format: string | undefined])[] = [
    [null, "text"],
    ["", "text"],
    ["text/plain", "text"],
    [TEXT_CONTENT_TYPE, "text"],
    ["text/plain; version=1.0.0; escaping=allow-utf-8", "text"],
    ["text/plain; version=0.0.5", undefined],
    [PROTOBUF_CONTENT_TYPE, "protobuf"],
    ['Application/vnd.google.protobuf;proto="io.prometheus.client.MetricFamily";Encoding="delimited"', "protobuf"],
    ["application/vnd.google.protobuf", "protobuf"],
    ["application/vnd.google.protobuf; encoding=compact-text", undefined],
    ["application/vnd.google.protobuf; proto=a.B; encoding=delimited", undefined],
    ["application/openmetrics-text", "openmetrics"],
    ["application/openmetrics-text; version=1.0.0; charset=utf-8", "openmetrics"],
    ["application/json", undefined],
    ["application/x-www-form-urlencoded", undefined],
  ];
  for (const [contentType, format] of rows) assert.equal(expositionFormat(contentType), format, `${contentType}`);
});
