/**
 * The DNS names that a certificate is good for, read from its DER (RFC 5280 sections 4.1 and 4.2.1.6).
 *
 * @module
 */
// What `getPeerCertificate()` gives is one text, in which a name that holds a comma reads like two. @peculiar/x509 reads
// certificates well, but costs a server 23 MB of memory.

const SEQUENCE = 0x30, OBJECT_ID = 0x06, OCTET_STRING = 0x04;
/** `extensions`, the field `[3]` of a certificate. */
const EXTENSIONS = 0xa3;
/** `dNSName`, the choice `[2]` of a GeneralName. */
const DNS_NAME = 0x82;
/** `id-ce-subjectAltName`, 2.5.29.17. */
const SUBJECT_ALT_NAME = "\x55\x1d\x11";

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

/**
 * The DNS names among a certificate's subject alternative names, as they stand there: a wildcard is not interpreted.
 *
 * @throws {SyntaxError} if the bytes are no X.509 certificate.
 */
export function certificateNames(der: Uint8Array): string[] {
  const [certificate] = elements(der);
  const [body] = elements(contentOf(certificate, SEQUENCE));
  const field = elements(contentOf(body, SEQUENCE)).find(({ tag }) => tag === EXTENSIONS);
  if (field === undefined) return [];
  const [extensions] = elements(field.content);
  const names: string[] = [];
  for (const extension of elements(contentOf(extensions, SEQUENCE))) {
    const [id, ...rest] = elements(contentOf(extension, SEQUENCE));
    if (latin1(contentOf(id, OBJECT_ID)) !== SUBJECT_ALT_NAME) continue;
    const [value] = elements(contentOf(rest.at(-1), OCTET_STRING));
    for (const { tag, content } of elements(contentOf(value, SEQUENCE))) {
      if (tag === DNS_NAME) names.push(latin1(content));
    }
  }
  return names;
}

/** The elements that fill the bytes, one after the other. */
function elements(bytes: Uint8Array): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at];
    if ((tag & 0x1f) === 0x1f) throw malformed("it has a tag of several bytes");
    let length = bytes[at + 1];
    at += 2;
    if (length > 0x80) {
      const count = length & 0x7f;
      if (count > 4) throw malformed("it has a length of more than four bytes");
      length = 0;
      for (const end = at + count; at < end; at++) length = length * 256 + bytes[at];
    } else if (length === 0x80) throw malformed("it has an indefinite length");
    // A length that is not there is not a number, and not in range either.
    if (!(at + length <= bytes.length)) throw malformed("it ends inside an element");
    found.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}

function contentOf(element: Element | undefined, tag: number): Uint8Array {
  if (element?.tag === tag) return element.content;
  throw malformed(`it has tag ${element?.tag ?? "none"} in place of ${tag}`);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function malformed(what: string): SyntaxError {
  return new SyntaxError(`Cannot read a certificate: ${what}`);
}
