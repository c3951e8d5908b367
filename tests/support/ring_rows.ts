/**
 * Rows of a member table, links and beliefs for tests of the ring's parts, with defaults for all that a test does not care about.
 *
 * @module
 */

import { type AgreedView, viewMembers } from "../../ring/protocol/agreed_view.ts";
import type { Member } from "../../ring/protocol/member.ts";
import type { MeshLink } from "../../ring/protocol/mesh.ts";
import type { Beliefs } from "../../ring/protocol/messages.ts";

/** The row of a member that serves; its address and its host are called like it. */
export function row(name: string, differs: Partial<Member> = {}): Member {
  const incarnation = differs.incarnation ?? 1;
  return {
    name,
    boot: `boot-${name}`,
    incarnation,
    since: 1,
    address: name,
    host: name,
    disk: `disk-${name.replaceAll(/[^\w-]/g, "").slice(0, 200)}`,
    isWitness: false,
    rule: 1,
    status: "ALIVE",
    phase: "ACTIVE",
    ...differs,
  };
}

/** The view of members that these rows are about, or that rows of these names would be. */
export function agreedView(
  epoch: number,
  members: Iterable<string | Member>,
  { isStrict }: { isStrict?: boolean } = {},
): AgreedView {
  const rows = [...members].map((member) => typeof member === "string" ? row(member) : member);
  return {
    epoch,
    isStrict: isStrict ?? rows.length > 2,
    members: viewMembers(rows),
  };
}

/** A link to the process that the row of such a member is about. */
export function linkTo(name: string, { boot = `boot-${name}`, dialled }: { boot?: string; dialled?: string } = {}) {
  const peer = { name, boot, incarnation: 1, address: name, host: name };
  return (dialled === undefined ? { peer } : { peer, dialled }) satisfies MeshLink;
}

/** Beliefs of a member that has nothing to say. */
export function beliefs(differs: Partial<Beliefs> = {}): Beliefs {
  return { view: "view", table: "table", epoch: 0, clear: true, accuses: [], ...differs };
}
