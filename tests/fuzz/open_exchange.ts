/**
 * The exchange of tokens that the fuzzer asks, as the server wires it, but for its limits.
 *
 * @module
 */

import type { Logger } from "../../common/log.ts";
import type { Authorizer } from "../../server/authorization/authorizer.ts";
import { TokenExchange } from "../../server/authorization/token_exchange.ts";
import type { TokenSigner } from "../../server/authorization/tokens.ts";
import { NO_DIRECTORY, NO_REFUSALS } from "../support/no_directory.ts";
import { NOW_MS } from "./push_target.ts";

/** The labels that tokens have beside the id. */
export const LABELS_OF_TOKENS = { tenant: "a" } as const;

/** How long tokens are valid, in seconds. */
export const EXPIRE_SECONDS = 86_400;

/** A log that nobody reads. */
export const SILENT = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Logger;

/** Makes an exchange that asks an authorizer, however often it is asked itself. */
export function openExchange({ authorizer, signer }: { authorizer: Authorizer; signer: TokenSigner }): TokenExchange {
  const unlimited = { burst: 1, intervalMs: 0 };
  return new TokenExchange({
    authorizer,
    signer,
    partitionLabel: "_id",
    requiredLabels: new Map(Object.entries(LABELS_OF_TOKENS)),
    expireSeconds: EXPIRE_SECONDS,
    directory: NO_DIRECTORY,
    refusals: NO_REFUSALS,
    addressLimit: unlimited,
    tokenLimit: unlimited,
    now: () => NOW_MS,
  });
}
