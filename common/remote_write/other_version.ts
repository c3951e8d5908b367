/**
 * Requests that are of the other version than they say. Most of what they hold would pass for fields that are not known, so that
 * they would be taken for requests of nothing.
 *
 * @module
 */

import { REQUEST_2, WRITE_CONTENT_TYPE, WRITE_MESSAGES, type WriteVersion } from "./write_fields.ts";

/** What 1.0 has, 2.0 reserves, so that the two are told apart. */
const LAST_RESERVED = 3;

/**
 * Looks at a field of a request of 1.0.
 *
 * @throws {SyntaxError} if 2.0 has it.
 */
export function mustNotBeOf2(field: number): void {
  if (field === REQUEST_2.symbol || field === REQUEST_2.timeseries) throw otherVersion("1.0", "2.0");
}

/**
 * Looks at a field of a request of 2.0.
 *
 * @throws {SyntaxError} if 1.0 has it.
 */
export function mustNotBeOf1(field: number): void {
  if (field <= LAST_RESERVED) throw otherVersion("2.0", "1.0");
}

function otherVersion(said: WriteVersion, found: WriteVersion): SyntaxError {
  return new SyntaxError(
    `Cannot read as remote write ${said} what is ${found}: name the message that is sent in Content-Type, ` +
      `${WRITE_CONTENT_TYPE};proto=${WRITE_MESSAGES[found]}`,
  );
}
