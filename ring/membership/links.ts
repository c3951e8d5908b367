/**
 * What follows from links that begin and end, and from dials that come to nothing: who may link with us, whom to tell what we know, and
 * whose process is gone as nobody listens at its address any more.
 *
 * @module
 */

import { plainText } from "../../common/plain_text.ts";
import { isPresent } from "../protocol/member.ts";
import type { Hello, MeshLink, Refusal } from "../protocol/mesh.ts";
import type { Contacts } from "./contacts.ts";
import type { Accusation } from "./failure_detector.ts";
import type { Gossip } from "./gossip.ts";
import type { MemberTable } from "./member_table.ts";
import type { Peers } from "./peers.ts";
import type { Pings } from "./pings.ts";

/** How long after its link has ended a member is suspected at whose address nobody listens, in milliseconds: it may be restarting. */
export const GONE_AFTER_MS = 600;

/** What {@linkcode Links} work with. */
export interface LinksOptions {
  /** Who is there. */
  readonly table: MemberTable;
  /** Who is linked, and was heard when. */
  readonly peers: Peers;
  /** Whom to dial. */
  readonly contacts: Contacts;
  /** Tells a new link what we know. */
  readonly gossip: Gossip;
  /** Asks a new link what it knows. */
  readonly pings: Pings;
  /** Called with a member whose process seems to be gone. */
  readonly onGone: (name: string, accusation: Accusation) => void;
}

/** The links of a member. */
export class Links {
  readonly #options: LinksOptions;

  /** Starts without one. */
  constructor(options: LinksOptions) {
    this.#options = options;
  }

  /** Why a peer may not link with us; undefined if it may. */
  refusal(hello: Hello, now: number): Refusal | undefined {
    const { table, peers } = this.#options, { name, boot } = table.self;
    if (hello.name === name) {
      if (hello.boot === boot) return { code: "self", message: "This process dialled itself" };
      return { code: "name-taken", message: `The member that was dialled has the name '${name}' itself` };
    }
    const linked = peers.linkOf(hello.name);
    if (linked === undefined || linked.boot === hello.boot || !peers.isReachable(hello.name, now)) return undefined;
    const [taken, where] = [plainText(hello.name), plainText(linked.address)];
    return { code: "name-taken", message: `The name '${taken}' is in use by a process at ${where} that is alive` };
  }

  /** A link is up. */
  up(link: MeshLink, now: number) {
    const { peers, gossip, pings } = this.#options, { name } = link.peer;
    if (!peers.linkUp(link)) return;
    peers.heard(name, now);
    gossip.sendTable(name, { reply: false });
    pings.ping(name, now);
  }

  /** A link has ended: dials at once a member that was there, as it may have been but the link. False if another has taken its place. */
  down(link: MeshLink, now: number): boolean {
    const { table, peers, contacts } = this.#options, { name } = link.peer;
    if (!peers.linkDown(link)) return false;
    const row = table.get(name);
    if (row !== undefined && isPresent(row)) {
      peers.lost(name, now);
      contacts.redial(row.address, now);
    }
    return true;
  }

  /** A dial came to nothing. Where nobody listens, the members whose links ended there are gone, unless they are starting again. */
  dialFailed(address: string, refusal: Refusal, now: number) {
    const { table, peers, contacts, onGone } = this.#options;
    contacts.dialFailed(address, refusal, now);
    if (refusal.nobodyListens !== true) return;
    for (const { name } of table.others().filter((row) => row.address === address && row.status === "ALIVE")) {
      const lostMs = peers.lostMs(name, now);
      if (lostMs === undefined || peers.isLinked(name)) continue;
      if (lostMs < GONE_AFTER_MS) contacts.redial(address, now + GONE_AFTER_MS - lostMs);
      else onGone(name, { status: "SUSPECT", silentMs: peers.silentMs(name, now), now });
    }
  }
}
