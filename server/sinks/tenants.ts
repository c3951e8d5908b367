/**
 * Whose what is forwarded is to a sink that has tenants: the value of `--forward-tenant`.
 *
 * @module
 */

import type { Kind } from "../../common/option_kinds.ts";

/** Stands for the id of a cluster. */
const PLACE = "{id}";

/** What an id must be to be a tenant: the value of a header. */
const TENANT = /^[\x21-\x7e]{1,150}$/;

/** A tenant of a command line, in which `{id}` stands for the cluster; the last one counts. */
export const tenantPattern: Kind<string> = {
  placeholder: "TEXT",
  read: (texts) => {
    const pattern = texts[texts.length - 1];
    if (!TENANT.test(pattern)) {
      throw new SyntaxError(
        `Cannot use '${pattern}' as a tenant: write 1 to 150 letters, digits and signs of ASCII without blanks`,
      );
    }
    const unknown = pattern.match(/\{[^{}]*\}/g)?.find((place) => place !== PLACE);
    if (unknown !== undefined) {
      throw new SyntaxError(`Cannot use ${unknown} in '${pattern}': write ${PLACE}, which stands for the cluster's id`);
    }
    return pattern;
  },
};

/** The tenants of clusters by such a pattern; undefined for an id that cannot be part of one. */
export function tenantOf(pattern: string): (id: string) => string | undefined {
  return (id) => {
    const tenant = pattern.replaceAll(PLACE, id);
    return TENANT.test(tenant) ? tenant : undefined;
  };
}
