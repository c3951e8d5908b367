/**
 * What the programs call themselves in what they ask of others.
 *
 * @module
 */

import configuration from "../../deno.json" with { type: "json" };

/** The `User-Agent` of a program: its name as `--version` has it, and its version. */
export function userAgentOf(program: "telemeter-client" | "telemeter-server"): string {
  return `${program}/${configuration.version}`;
}
