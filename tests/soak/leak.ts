/**
 * A leak, for the soak to find: loaded before a server, it keeps a KiB of each request to the listener outside.
 *
 * @module
 */

import { Server } from "node:http";

const KEPT: string[] = [];

const emit: (this: Server, event: string, ...values: unknown[]) => boolean = Server.prototype.emit;

Server.prototype.emit = function (this: Server, event: string, ...values: unknown[]) {
  // A text of its own, of as many bytes.
  if (event === "request") KEPT.push(JSON.parse(JSON.stringify(String(KEPT.length).padStart(1_024))));
  return emit.call(this, event, ...values);
};
