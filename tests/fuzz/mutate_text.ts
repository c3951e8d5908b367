/**
 * Mutations of the text format: lines, tokens and characters.
 *
 * @module
 */

import type { Random } from "../support/random.ts";
import { NUMBERS, TEXTS } from "./vocabulary.ts";

const encoder = new TextEncoder();

/** Lines are repeated at most so often. */
const MAX_REPEATS = 300;

const LINES: readonly string[] = [
  "",
  " ",
  "#",
  "# a comment",
  "# TYPE",
  "# TYPE up",
  "# TYPE up gauge",
  "# TYPE up histogram",
  "# TYPE up summary",
  "#TYPE up counter",
  "# HELP up \\\\ \\n \\x",
  "# TYPE up gauge extra",
  "up",
  "up 1",
  "up{} 1",
  "up{,} 1",
  'up{a="b"} 1 2 3',
  'up{a="b",a="b"} 1',
  'up{a="b" 1',
  'up{a="b\\q"} 1',
  'up{a="b',
  "up{a=b} 1",
  'up_bucket{le="1"} 1',
  'up_bucket{le="x"} 1',
  "up_count 1",
  "up_count 1.5",
  'up_bucket{le="+Inf"} 1.5',
  '{"my.metric"} 1',
  '{"my.metric","label.x"="v"} 1',
  '{"up"} 1',
  '{"my.metric",} 1',
  '{"my.metric" 1',
  '{"label.x"="v"} 1',
  'up{"label.x"="v"} 1',
  '# TYPE "my.metric" gauge',
  "# TYPE up gaugehistogram",
  "# TYPE up gauge_histogram",
  "# EOF",
  "up_sum 1",
  "up 1 1e3",
  "up 0x10",
  "up 1_000",
  "up\t1\t1700000000000",
  "1up 1",
  "\ufeffup 1",
  "up 1\r",
  'up 1 # {trace_id="1"} 1',
  "up 1 1700000000.123",
  "api.rq 1",
];

const TOKEN = /[a-zA-Z_:][a-zA-Z0-9_:]*|"(?:[^"\\]|\\.)*"|[-+0-9.eE]+|[{}=,#]|\s/g;

function changeToken(line: string, random: Random): string {
  const tokens = [...line.matchAll(TOKEN)];
  if (tokens.length === 0) return random.pick(LINES);
  const { 0: token, index } = random.pick(tokens);
  const by = random.pick([
    () => "",
    () => token + token,
    () => random.pick(TEXTS),
    () => JSON.stringify(random.pick(TEXTS)),
    () => `"${random.pick(TEXTS)}"`,
    () => String(random.pick(NUMBERS)),
    () => random.pick(tokens)[0],
    () => random.pick([...'{}=,# \t\r\\"']),
  ])();
  return line.slice(0, index) + by + line.slice(index + token.length);
}

const MUTATIONS: readonly ((lines: string[], random: Random) => void)[] = [
  (lines, random) => void lines.splice(random.below(lines.length), 1),
  (lines, random) => void lines.splice(random.below(lines.length), 0, random.pick(LINES)),
  (lines, random) => void lines.splice(random.below(lines.length), 0, random.pick(lines)),
  (lines, random) => void lines.push(...Array<string>(random.size(MAX_REPEATS)).fill(random.pick(lines))),
  (lines, random) => {
    const [one, other] = [random.below(lines.length), random.below(lines.length)];
    [lines[one], lines[other]] = [lines[other], lines[one]];
  },
  ...Array<(lines: string[], random: Random) => void>(4).fill((lines, random) => {
    const at = random.below(lines.length);
    lines[at] = changeToken(lines[at], random);
  }),
  (lines, random) => {
    const at = random.below(lines.length);
    lines[at] = lines[at].slice(0, random.below(lines[at].length + 1));
  },
];

/** Changes one to four lines of a text; bytes that are not UTF-8 are lost. */
export function mutateText(text: Uint8Array, random: Random): Uint8Array {
  const lines = new TextDecoder().decode(text).split("\n");
  for (let count = random.size(4); count > 0 && lines.length > 0; count--) random.pick(MUTATIONS)(lines, random);
  return encoder.encode(lines.join("\n"));
}
