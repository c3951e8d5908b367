/**
 * The server program.
 *
 * @module
 */

import { run } from "../common/lifecycle.ts";
import { SERVER_PROGRAM } from "./options.ts";
import { startServer } from "./server.ts";

if (import.meta.main) await run(SERVER_PROGRAM, startServer);
