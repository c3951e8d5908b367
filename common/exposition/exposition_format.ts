/**
 * Which format a page or a push is in, by its `Content-Type`.
 *
 * @module
 */

/** The formats that we read: delimited protobuf, the text format, and OpenMetrics text. */
export const EXPOSITION_FORMATS = ["protobuf", "text", "openmetrics"] as const;

/** A format that we read. */
export type ExpositionFormat = (typeof EXPOSITION_FORMATS)[number];

const TEXT_VERSIONS: ReadonlySet<string> = new Set(["0.0.4", "1.0.0"]);

/** The header that was read last: nearly all pushes have the same one. */
let last: { readonly contentType: string | null; readonly format: ExpositionFormat | undefined } | undefined;

/**
 * The format that a `Content-Type` names, as `expfmt` of Go reads it (`ResponseFormat`): parameters may be lacking, and without a
 * header it is text. Undefined for what it does not know.
 */
export function expositionFormat(contentType: string | null): ExpositionFormat | undefined {
  if (last?.contentType !== contentType) last = { contentType, format: readFormat(contentType) };
  return last.format;
}

function readFormat(contentType: string | null): ExpositionFormat | undefined {
  const [mediaType, ...rest] = (contentType ?? "").toLowerCase().split(";").map((part) => part.trim());
  const parameters = new Map(rest.map((part) => {
    const [name, value = ""] = part.split("=", 2);
    return [name.trim(), value.trim().replace(/^"(.*)"$/, "$1")];
  }));
  const says = (name: string, value: string) => (parameters.get(name) ?? value) === value;
  if (mediaType === "application/vnd.google.protobuf") {
    return says("proto", "io.prometheus.client.metricfamily") && says("encoding", "delimited") ? "protobuf" : undefined;
  }
  if (mediaType === "application/openmetrics-text") return "openmetrics";
  const isText = mediaType === "" || mediaType === "text/plain";
  return isText && TEXT_VERSIONS.has(parameters.get("version") ?? "0.0.4") ? "text" : undefined;
}
