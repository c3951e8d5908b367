/**
 * A strict reader of the requests on a connection (RFC 9112): where each begins and ends, and nothing after what is in doubt.
 *
 * @module
 */

/** A request whose head is whole. */
export interface StrictRequest {
  /** The method. */
  readonly method: string;
  /** The target as it came. */
  readonly target: string;
  /** The body, a character a byte; undefined if it is not whole, or malformed. */
  readonly body?: string;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** Several blanks are as good as one (section 3). */
const REQUEST_LINE = new RegExp(`^(${TOKEN}) +([!-~]+) +HTTP/1\\.([01])$`);
const FIELD = new RegExp(
  `^(${TOKEN}):[ \\t]*((?:[!-~\\x80-\\xff](?:[ \\t!-~\\x80-\\xff]*[!-~\\x80-\\xff])?)?)[ \\t]*$`,
);
/** A size, and extensions that a reader may pass over. */
const CHUNK = /^([0-9A-Fa-f]{1,13})(?:[ \t]*;[\t -~\x80-\xff]*)?$/;

/** Reads all that there are. */
export function strictRequests(bytes: Uint8Array): StrictRequest[] {
  const reader = new Reader(new TextDecoder("latin1").decode(bytes).replaceAll(/[\u0100-\uffff]/g, oneByte));
  const requests: StrictRequest[] = [];
  for (let request = reader.request(); request !== undefined; request = reader.request()) {
    requests.push(request);
    if (request.body === undefined) break;
  }
  return requests;
}

/** `latin1` is windows-1252 to a TextDecoder, in which some bytes are letters from elsewhere. */
function oneByte(letter: string): string {
  const at = WINDOWS_1252.indexOf(letter);
  return String.fromCharCode(0x80 + at);
}

const WINDOWS_1252 = new TextDecoder("latin1").decode(Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i));

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next request; undefined if there is none whose head is whole and in order. */
  request(): StrictRequest | undefined {
    // Empty lines before a request are passed over (section 2.2).
    while (this.#text[this.#at] === "\r" || this.#text[this.#at] === "\n") this.#at++;
    const [, method, target, minor] = REQUEST_LINE.exec(this.#line() ?? "") ?? [];
    const fields = method === undefined ? undefined : this.#fields();
    if (fields === undefined) return undefined;
    const lengths = fields.get("content-length") ?? [], codings = fields.get("transfer-encoding") ?? [];
    if (lengths.length + codings.length > 1) return undefined;
    if (codings.length === 1) {
      if (minor === "0" || codings[0].toLowerCase() !== "chunked") return undefined;
      return { method, target, ...this.#chunked() };
    }
    if (lengths.length === 1 && !/^\d{1,15}$/.test(lengths[0])) return undefined;
    const body = this.#take(Number(lengths[0] ?? 0));
    return { method, target, ...body !== undefined && { body } };
  }

  #fields(): Map<string, string[]> | undefined {
    const fields = new Map<string, string[]>();
    for (;;) {
      const line = this.#line();
      if (line === undefined) return undefined;
      if (line === "") return fields;
      const [, name, value] = FIELD.exec(line) ?? [];
      if (name === undefined) return undefined;
      const key = name.toLowerCase();
      fields.set(key, [...fields.get(key) ?? [], value]);
    }
  }

  #chunked(): { body?: string } {
    let body = "";
    for (;;) {
      const [, digits] = CHUNK.exec(this.#line() ?? "") ?? [];
      if (digits === undefined) return {};
      const size = Number.parseInt(digits, 16);
      if (size === 0) return this.#fields() === undefined ? {} : { body };
      const chunk = this.#take(size);
      if (chunk === undefined || this.#line() !== "") return {};
      body += chunk;
    }
  }

  /** A line that ends in CRLF, and has neither of both in it. */
  #line(): string | undefined {
    const end = this.#text.indexOf("\r\n", this.#at), line = this.#text.slice(this.#at, end);
    if (end < 0 || /[\r\n]/.test(line)) return undefined;
    this.#at = end + 2;
    return line;
  }

  #take(length: number): string | undefined {
    if (this.#at + length > this.#text.length) return undefined;
    return this.#text.slice(this.#at, this.#at += length);
  }
}
