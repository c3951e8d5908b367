/**
 * The certificate authorities that every connection trusts: the system's and Mozilla's.
 *
 * @module
 */

import { messageOf } from "../explain.ts";
import type { Logger } from "../log.ts";
import { UsageError } from "../options.ts";

/** The variable that tells the platform which authorities to trust. It is read once, at the first connection. */
export const CA_STORE_VARIABLE = "DENO_TLS_CA_STORE";

/**
 * Has the platform trust the system's authorities beside its built-in ones, which are Mozilla's, unless the environment says
 * what to trust. Where the system has none that can be read, Mozilla's stay.
 *
 * @throws {UsageError} if no authorities can be read at all.
 */
export function trustSystemAuthorities({ log }: { log: Logger }): void {
  if (Deno.env.get(CA_STORE_VARIABLE)) return;
  Deno.env.set(CA_STORE_VARIABLE, "system,mozilla");
  try {
    open();
  } catch (cause) {
    Deno.env.set(CA_STORE_VARIABLE, "mozilla");
    try {
      open();
    } catch {
      throw new UsageError(
        `Cannot read the system's certificate authorities: ${
          messageOf(cause)
        }: mend SSL_CERT_FILE, or set ${CA_STORE_VARIABLE}=mozilla`,
        { cause },
      );
    }
    log.warn("Cannot read the system's certificate authorities: trusts Mozilla's alone", { error: messageOf(cause) });
  }
}

function open(): void {
  Deno.createHttpClient({}).close();
}
