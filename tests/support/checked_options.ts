/**
 * The options of a program read as it reads them when it starts, with the files that they name.
 *
 * @module
 */

import assert from "node:assert/strict";
import { CLIENT_PROGRAM } from "../../client/options.ts";
import { loadSettings } from "../../client/settings.ts";
import { Configuration } from "../../common/configuration.ts";
import { checkServer } from "../../server/check.ts";
import { SERVER_PROGRAM } from "../../server/options.ts";
import { recordingLog } from "./recording_log.ts";

/**
 * Reads all that the program would read.
 *
 * @throws {UsageError} on what it would refuse.
 */
export async function checkOptions(
  name: "telemeter-server" | "telemeter-client",
  args: readonly string[],
): Promise<void> {
  const { log } = recordingLog();
  if (name === "telemeter-server") {
    const read = await Configuration.read(SERVER_PROGRAM, args);
    assert.ok("values" in read);
    return await checkServer(read.values, { log, environment: {} });
  }
  const read = await Configuration.read(CLIENT_PROGRAM, args);
  assert.ok("values" in read);
  (await loadSettings(read.values, { log, now: Date.now }))[Symbol.dispose]();
}
