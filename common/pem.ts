/**
 * Files of certificates in PEM (RFC 7468).
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
  if (certificates.length === 0) throw new SyntaxError("it holds no certificate in PEM");
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
