/**
 * What the codecs cost over a push of 521 series: `deno bench tests/bench/exposition_bench.ts`.
 *
 * @module
 */

import { decodeFamilies, encodeFamilies } from "../../common/exposition/protobuf.ts";
import { formatText, parseText } from "../../common/exposition/text_format.ts";
import { realisticFamilies } from "../support/realistic_push.ts";

const LIMITS = { maxFamilies: 1_000, maxSeries: 25_000, maxLabels: 64 };
const families = realisticFamilies({ id: "cluster-1", nowMs: Date.now() });
const protobuf = encodeFamilies(families);
const text = formatText(families);

const GROUP = `521 series: ${protobuf.length} bytes of protobuf, ${text.length} of text`;
Deno.bench("decodeFamilies()", { group: GROUP, baseline: true }, () => void decodeFamilies(protobuf, LIMITS));
Deno.bench("encodeFamilies()", { group: GROUP }, () => void encodeFamilies(families));
Deno.bench("parseText()", { group: GROUP }, () => void parseText(text, LIMITS));
Deno.bench("formatText()", { group: GROUP }, () => void formatText(families));
