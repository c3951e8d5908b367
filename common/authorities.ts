/**
 * Authorities whose certificates we believe, in a file that may change while the program runs.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import type { Logger } from "./log.ts";
import { fileUsageError } from "./named_path.ts";
import { eachCertificate } from "./pem.ts";
import { WatchedFile } from "./watched_file.ts";
import { WatchedValue } from "./watched_value.ts";

/** Certificates of authorities, in PEM. What is wrong with a change leaves those before in use. */
export type Authorities = WatchedValue<string>;

/** Where {@linkcode Authorities} come from and how they are kept current. */
export interface AuthoritiesOptions {
  /** The file. */
  readonly path: string;
  /** The flag that names it, for messages. */
  readonly flag: string;
  /** Whose certificates they sign, for the log. */
  readonly of: "the ring" | "clients";
  /**
   * How often the file is looked at, in milliseconds.
   *
   * @default {10_000}
   */
  readonly intervalMs?: number;
  /** Gets a line for each change that is taken up, and one for each that cannot be. */
  readonly log: Logger;
  /**
   * Runs a task again and again until the returned function is called.
   *
   * @default a timer that does not keep the process alive
   */
  readonly every?: (task: () => void, intervalMs: number) => () => void;
}

/**
 * Reads authorities and follows their file.
 *
 * @throws {UsageError} if the file cannot be read, or holds anything but certificates of authorities.
 */
export async function openAuthorities(
  { path, flag, of, intervalMs = 10_000, log, every }: AuthoritiesOptions,
): Promise<Authorities> {
  try {
    return await WatchedValue.open({
      files: [new WatchedFile(path)],
      parse: checkAuthorities,
      onTakenUp: () => log.info(`Took up changed authorities of ${of}`, { file: path }),
      onFault: (error) =>
        log.warn(`Cannot use changed authorities of ${of}: those before stay in use`, { file: path, error }),
      intervalMs,
      every,
    });
  } catch (cause) {
    throw fileUsageError(cause, { flag, path });
  }
}

/** The authorities of a file, each from its own first line to its own last. */
function checkAuthorities(pem: string): string {
  const certificates = eachCertificate(pem, (certificate) => void new X509Certificate(certificate));
  const other = certificates.findIndex((certificate) => !new X509Certificate(certificate).ca);
  if (other >= 0) {
    const which = certificates.length === 1 ? "its certificate" : `certificate ${other + 1} of ${certificates.length}`;
    throw new SyntaxError(`${which} is not an authority's (CA:FALSE): write certificates of authorities`);
  }
  // Where no line feed stands between two of them, as one file without one at its end was put before another, Deno reads the first alone.
  return certificates.map((certificate) => `${certificate}\n`).join("");
}
