/**
 * A private key that claims to be that of somebody else's certificate, for clients that look at nothing but the claim.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { Buffer } from "node:buffer";

/** `prime256v1`, 1.2.840.10045.3.1.7, as an object id in DER. */
const P256 = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/**
 * A key of P-256 in PEM (SEC 1) that signs as `ownKey` does, beside the public point of a certificate. OpenSSL takes the point as it
 * stands there, and so shows the certificate of which the key is not.
 */
export function forgedKey(ownKey: string, certificate: string): string {
  const bytes = (text: string | undefined) => [...Buffer.from(text ?? "", "base64url")];
  const { d } = createPrivateKey(ownKey).export({ format: "jwk" });
  const { x, y } = new X509Certificate(certificate).publicKey.export({ format: "jwk" });
  const point = [0x04, ...bytes(x), ...bytes(y)];
  const content = [
    ...[0x02, 0x01, 0x01, 0x04, 0x20, ...bytes(d)],
    ...[0xa0, P256.length, ...P256],
    ...[0xa1, point.length + 3, 0x03, point.length + 1, 0x00, ...point],
  ];
  const text = new Uint8Array([0x30, content.length, ...content]).toBase64();
  return `-----BEGIN EC PRIVATE KEY-----\n${text.replace(/.{64}/g, "$&\n")}\n-----END EC PRIVATE KEY-----\n`;
}
