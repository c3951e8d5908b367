/**
 * A strict reader of the responses on a connection (RFC 9112).
 *
 * @module
 */

/** Their statuses, in order, and what is wrong with them. */
export interface Responses {
  /** All that are whole, without the interim ones. */
  readonly statuses: readonly number[];
  /** What is no response; undefined if nothing is. */
  readonly fault?: string;
}

const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) [\t -~\x80-\xff]*$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t -~\x80-\xff]*)$/;

/**
 * Reads responses to requests of these methods, of which `""` may be any: HEAD has no body. One that is cut short is no fault if the connection was `broken` off,
 * as then what came last may be lost.
 */
export function strictResponses(
  text: string,
  { methods, broken }: { methods: readonly string[]; broken: boolean },
): Responses {
  const statuses: number[] = [];
  const fault = (what: string) => ({ statuses, fault: `${what}: ${JSON.stringify(text.slice(at, at + 200))}` });
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf("\r\n\r\n", at);
    if (end < 0) return broken ? { statuses } : fault("a head is cut short");
    const [first, ...lines] = text.slice(at, end).split("\r\n");
    const status = Number(STATUS_LINE.exec(first)?.[1] ?? NaN);
    if (Number.isNaN(status)) return fault("no status line");
    const fields = new Map<string | undefined, string>(
      lines.map((line) => FIELD.exec(line) ?? []).map(([, name, value]) => [name?.toLowerCase(), value]),
    );
    if (fields.has(undefined)) return fault("no header");
    if (status < 200) {
      at = end + 4;
      continue;
    }
    const method = methods[statuses.length] ?? "";
    // Of what could not be read nobody knows that it asked by HEAD; nothing follows then.
    const hasNone = method === "HEAD" && fields.get("connection") !== "close";
    const mayLack = method === "HEAD" || method === "" || status === 204 || status === 304;
    const length = hasNone ? 0 : lengthOf(text.slice(end + 4), fields) ?? (mayLack ? 0 : undefined);
    if (length === undefined) return broken ? { statuses } : fault("a body is malformed, or cut short");
    statuses.push(status);
    at = end + 4 + length;
  }
  return { statuses };
}

function lengthOf(rest: string, fields: ReadonlyMap<string | undefined, string>): number | undefined {
  const length = fields.get("content-length");
  if (length !== undefined) return /^\d+$/.test(length) && Number(length) <= rest.length ? Number(length) : undefined;
  if (fields.get("transfer-encoding") !== "chunked") return undefined;
  for (let at = 0;;) {
    const [line, digits] = /^([0-9a-f]+)\r\n/i.exec(rest.slice(at)) ?? [];
    if (line === undefined) return undefined;
    at += line.length + Number.parseInt(digits, 16) + 2;
    if (at > rest.length || rest.slice(at - 2, at) !== "\r\n") return undefined;
    if (Number.parseInt(digits, 16) === 0) return at;
  }
}
