/**
 * Whose a certificate is and what for: the names and uses in it, read from its DER (RFC 5280 sections 4.1, 4.1.2.6, 4.2.1.6 and 4.2.1.12).
 *
 * @module
 */
// What `getPeerCertificate()` gives is one text, in which a name that holds a comma reads like two. @peculiar/x509 reads
// certificates well, but costs a server 23 MB of memory.

const SEQUENCE = 0x30, OBJECT_ID = 0x06, OCTET_STRING = 0x04;
/** `extensions`, the field `[3]` of a certificate. */
const EXTENSIONS = 0xa3;
/** The version, which may be left out. */
const VERSION = 0xa0;
/** Where the subject stands behind it: serial number, signature, issuer, validity, subject. */
const SUBJECT_AT = 4;
/** `dNSName`, the choice `[2]` of a GeneralName, and `uniformResourceIdentifier`, the choice `[6]`. */
const DNS_NAME = 0x82, URI = 0x86;
/** `id-at-commonName`, 2.5.4.3, and the kinds of text that it may be: UTF8String, PrintableString, IA5String. */
const COMMON_NAME = "\x55\x04\x03", TEXTS: ReadonlySet<number> = new Set([0x0c, 0x13, 0x16]);
const SET = 0x31;
/** `id-ce-subjectAltName`, 2.5.29.17. */
const SUBJECT_ALT_NAME = "\x55\x1d\x11";
/** `id-ce-extKeyUsage`, 2.5.29.37, and of what it may hold `anyExtendedKeyUsage` and `id-kp-clientAuth`, 1.3.6.1.5.5.7.3.2. */
const EXTENDED_KEY_USAGE = "\x55\x1d\x25", ANY_USE = `${EXTENDED_KEY_USAGE}\x00`;
const CLIENT_AUTHENTICATION = "\x2b\x06\x01\x05\x05\x07\x03\x02";

/** The names in a certificate, by their kinds, as they stand there. */
export interface SubjectNames {
  /** Common names of the subject; those that are no UTF-8 or in an old encoding are left out. */
  readonly cn: readonly string[];
  /** DNS names among the subject's alternative names. */
  readonly dns: readonly string[];
  /** URIs among them. */
  readonly uri: readonly string[];
}

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
  return alternativeNames(fieldsOf(der), DNS_NAME);
}

/**
 * All names that may say whose a certificate is.
 *
 * @throws {SyntaxError} if the bytes are no X.509 certificate.
 */
export function subjectNames(der: Uint8Array): SubjectNames {
  const fields = fieldsOf(der);
  return { cn: commonNames(fields), dns: alternativeNames(fields, DNS_NAME), uri: alternativeNames(fields, URI) };
}

/**
 * Whether a certificate may be shown by a client: it says nothing of what it is for, or that it is for that, or for all.
 *
 * @throws {SyntaxError} if the bytes are no X.509 certificate.
 */
export function isForClients(der: Uint8Array): boolean {
  const uses = extensionOf(fieldsOf(der), EXTENDED_KEY_USAGE).map((use) => latin1(contentOf(use, OBJECT_ID)));
  return uses.length === 0 || uses.includes(CLIENT_AUTHENTICATION) || uses.includes(ANY_USE);
}

function fieldsOf(der: Uint8Array): Element[] {
  const [certificate] = elements(der);
  const [body] = elements(contentOf(certificate, SEQUENCE));
  return elements(contentOf(body, SEQUENCE));
}

function commonNames(fields: readonly Element[]): string[] {
  const subject = fields[SUBJECT_AT + Number(fields[0]?.tag === VERSION)], names: string[] = [];
  for (const set of elements(contentOf(subject, SEQUENCE))) {
    for (const attribute of elements(contentOf(set, SET))) {
      const [id, value] = elements(contentOf(attribute, SEQUENCE));
      if (latin1(contentOf(id, OBJECT_ID)) !== COMMON_NAME || value === undefined || !TEXTS.has(value.tag)) continue;
      try {
        names.push(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value.content));
      } catch {
        // No name that we could compare.
      }
    }
  }
  return names;
}

function alternativeNames(fields: readonly Element[], wanted: number): string[] {
  const names: string[] = [];
  for (const { tag, content } of extensionOf(fields, SUBJECT_ALT_NAME)) if (tag === wanted) names.push(latin1(content));
  return names;
}

/** What the sequence in an extension holds; nothing if there is no such extension. */
function extensionOf(fields: readonly Element[], wanted: string): Element[] {
  const field = fields.find(({ tag }) => tag === EXTENSIONS), found: Element[] = [];
  if (field === undefined) return found;
  const [extensions] = elements(field.content);
  for (const extension of elements(contentOf(extensions, SEQUENCE))) {
    const [id, ...rest] = elements(contentOf(extension, SEQUENCE));
    if (latin1(contentOf(id, OBJECT_ID)) !== wanted) continue;
    const [value] = elements(contentOf(rest.at(-1), OCTET_STRING));
    found.push(...elements(contentOf(value, SEQUENCE)));
  }
  return found;
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
