/**
 * Networks of addresses, such as those of the balancers in front of a server.
 *
 * @module
 */

import { BlockList, isIP } from "node:net";
import type { Kind } from "../option_kinds.ts";

/** A set of IP networks. */
export class Networks {
  readonly #list = new BlockList();
  readonly #text: string;

  /**
   * Knows the networks of a list such as `10.0.0.0/8` or `fd00::1`.
   *
   * @throws {SyntaxError} at the first that is none.
   */
  constructor(blocks: readonly string[]) {
    this.#text = blocks.join(", ");
    for (const block of blocks) {
      const [, network = "", digits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(block) ?? [];
      const version = isIP(network), most = version === 4 ? 32 : 128;
      const prefix = Number(digits ?? most);
      if (version === 0 || prefix > most) {
        throw new SyntaxError(`Cannot read '${block}' as a network: write it as in 10.0.0.0/8, fd00::/8 or 192.0.2.1`);
      }
      this.#list.addSubnet(network, prefix, version === 4 ? "ipv4" : "ipv6");
    }
  }

  /** The networks as they were given. */
  toString(): string {
    return this.#text;
  }

  /** Whether one of the networks holds an address. */
  has(address: string): boolean {
    const [plain] = address.split("%"), version = isIP(plain);
    return version !== 0 && this.#list.check(plain, version === 4 ? "ipv4" : "ipv6");
  }
}

/** Networks, repeatable and comma-separated; none where there is nothing but empty texts. */
export const networks: Kind<Networks | undefined> = {
  placeholder: "CIDR[,CIDR]",
  absent: undefined,
  repeats: true,
  read: (texts) => {
    const blocks = texts.flatMap((text) => text.split(",")).map((block) => block.trim()).filter((block) =>
      block !== ""
    );
    return blocks.length === 0 ? undefined : new Networks(blocks);
  },
};
