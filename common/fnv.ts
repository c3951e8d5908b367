/**
 * The 64-bit FNV-1a hash (draft-eastlake-fnv), which names accounts in the authorization stub and where no authorizer is set.
 *
 * @module
 */

const OFFSET_BASIS = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;

/** The FNV-1a hash of the text's UTF-8 bytes, unsigned. It is no secret-keeper: whoever knows the text knows the hash. */
export function fnv1a64(text: string): bigint {
  let hash = OFFSET_BASIS;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * PRIME);
  return hash;
}

/** An account id as openshift/telemeter writes it: the hash in base 32 with the digits `0-9a-v`, not padded. */
export function accountIdOf(text: string): string {
  return fnv1a64(text).toString(32);
}
