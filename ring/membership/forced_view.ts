/**
 * The view that an operator forces on what is left of a ring: its members go on without the votes of those that are lost.
 *
 * @module
 */

import { plainText } from "../../common/plain_text.ts";
import { becomesStrict } from "../consensus/quorum.ts";
import { type AgreedView, viewMembers } from "../protocol/agreed_view.ts";
import { isPresent } from "../protocol/member.ts";
import type { MemberTable } from "./member_table.ts";

/** By how much a forced view is later than what its members know: more than others can have decided meanwhile. */
const FORCED_EPOCHS = 1_000;

/** Makes the view; or says, as a string, why there can be none of these names. */
export function forcedView(
  names: readonly string[],
  { table, agreed }: { table: MemberTable; agreed: AgreedView | undefined },
): AgreedView | string {
  const rows = names.flatMap((name) => table.get(name) ?? []).filter(isPresent);
  const gone = names.filter((name) => !rows.some((row) => row.name === name));
  if (gone.length > 0) {
    return `Cannot find these members among those that are there: ${gone.map((name) => plainText(name)).join(", ")}`;
  }
  const ours = table.self.name;
  if (!names.includes(ours)) return `Name '${plainText(ours)}' too, the member that is asked`;
  const members = viewMembers(rows);
  return { epoch: (agreed?.epoch ?? 0) + FORCED_EPOCHS, isStrict: becomesStrict(agreed, members), members };
}
