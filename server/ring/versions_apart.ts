/**
 * Versions of what a server takes while it runs without the ring that its store is of: its owner forgot the flags, or means to do
 * without a ring for a while. Should it be a member again, that must be newer than all that the ring had before.
 *
 * @module
 */

import type { Logger } from "../../common/log.ts";
import type { PushVersion } from "../../ring/protocol/push_version.ts";
import { readSavedState } from "../../ring/saved_state.ts";

/** Gives a version to what came at a time, in milliseconds since the epoch. */
export type VersionApart = (receivedAtMs: number) => PushVersion;

/**
 * Versions of the epoch after the last that this server knows of: older pushes of the ring give way to them. Whoever else of the ring
 * went on without it has decided that epoch, or a later one. By the time within the same epoch, and by the epoch else, the newer of
 * both wins.
 *
 * @param kept What the ring kept in the store.
 */
export function versionsApart(kept: string, options: { wall: number; log: Logger }): VersionApart | undefined {
  const { agreed, disk = "apart" } = readSavedState(kept, options) ?? {};
  if (agreed === undefined) return undefined;
  return (receivedAtMs) => ({ epoch: agreed.epoch + 1, ms: receivedAtMs, ingress: disk, sequence: 0 });
}
