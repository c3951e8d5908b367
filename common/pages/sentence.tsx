/**
 * Sentences that come from elsewhere, such as the log: what they say of flags is to be copied, so a flag is kept on one line.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";

/** A flag within a sentence. A dash ends none: it would be that of a break. */
const FLAG = /(--[a-z][a-z0-9]*(?:[-.][a-z0-9]+)*)/;

/** A sentence, of which each flag is code. */
export const Sentence: FC<{ readonly text: string }> = ({ text }) => (
  <>{text.split(FLAG).map((part, i) => i % 2 === 1 ? <code>{part}</code> : part)}</>
);
