/**
 * The files that the programs of a trial are given: tokens, keys, certificates.
 *
 * @module
 */

import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";

/** The files that programs are given, all in one folder. */
export interface Files {
  /** The folder, absolute. */
  readonly folder: string;
  /** The tokens that the authorizer knows. */
  readonly tokens: string;
  /** The one that the client shows. */
  readonly token: string;
  /** The bearer token for the source. */
  readonly sourceToken: string;
  /** The salt of anonymized labels. */
  readonly salt: string;
  /** The key that signs the servers' tokens. */
  readonly sharedKey: string;
  /** The ids that are revoked: none. */
  readonly revoked: string;
  /** The servers' certificates: of each `NAME.crt` and `NAME.key`, and `ca.crt`. */
  readonly certificates: string;
}

/** Where the files lie in a folder. */
function filesIn(folder: string): Files {
  const at = (name: string) => join(folder, name);
  return {
    folder,
    tokens: at("tokens.json"),
    token: at("token"),
    sourceToken: at("source-token"),
    salt: at("salt"),
    sharedKey: at("shared-key.pem"),
    revoked: at("revoked"),
    certificates: at("certs"),
  };
}

/**
 * Writes the secrets of a trial, which are made up, into a folder that only its owner may enter; the certificates follow once
 * the servers have names.
 */
export async function writeTrialFiles(
  folder: string,
  { sourceToken = "" }: { sourceToken?: string } = {},
): Promise<{ files: Files; token: string; salt: string }> {
  const files = filesIn(folder);
  const [token, salt] = [crypto.randomUUID(), crypto.randomUUID()];
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const write = (path: string, text: string) => Deno.writeTextFile(path, text, { mode: 0o600 });
  await write(files.tokens, JSON.stringify([{ token }]));
  await write(files.token, token);
  await write(files.sourceToken, sourceToken);
  await write(files.salt, salt);
  await write(files.revoked, "# none\n");
  await write(files.sharedKey, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  return { files, token, salt };
}
