/**
 * Files of certificates and keys in PEM (RFC 7468).
 *
 * @module
 */

/**
 * The certificates of a text, in order, each with its first and last line. One whose last line is missing goes up to the next
 * one, or to the end.
 */
export function certificatesIn(text: string): string[] {
  return text.match(
    /-----BEGIN CERTIFICATE-----(?:(?!-----BEGIN )[^])*?(?:-----END CERTIFICATE-----|(?=-----BEGIN )|$)/g,
  ) ??
    [];
}

/**
 * Reads each certificate of a text.
 *
 * @param read throws what is wrong with a certificate
 * @throws {SyntaxError} if there is none, or one cannot be read, with its number, counted from 1. Nothing is quoted.
 */
export function eachCertificate(text: string, read: (certificate: string) => void): string[] {
  const certificates = certificatesIn(text);
  if (certificates.length === 0) {
    throw new SyntaxError("it holds no certificate in PEM: name a file that has a line -----BEGIN CERTIFICATE-----");
  }
  for (const [i, certificate] of certificates.entries()) {
    try {
      read(certificate);
    } catch (cause) {
      const which = certificates.length === 1 ? "its certificate" : `certificate ${i + 1} of ${certificates.length}`;
      throw new SyntaxError(`${which} is garbled`, { cause });
    }
  }
  return certificates;
}

/** What is wrong with a text out of which no private key could be read, as a clause. Nothing is quoted. */
export function privateKeyFault(text: string): string {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    return "its private key is encrypted: decrypt it with 'openssl pkey'";
  }
  return /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/.test(text)
    ? "its private key is garbled, or of a kind that is not known"
    : "it holds no private key in PEM: name a file that has a line -----BEGIN PRIVATE KEY-----";
}
