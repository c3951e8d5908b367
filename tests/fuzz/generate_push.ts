/**
 * Makes inputs: a seed or an earlier input, mutated at any layer from the families down to the bytes on the wire.
 *
 * @module
 */

import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { formatText } from "../../common/exposition/text_format.ts";
import type { Random } from "../support/random.ts";
import { mutateBytes } from "./mutate_bytes.ts";
import { mutateFamilies } from "./mutate_families.ts";
import { mutateText } from "./mutate_text.ts";
import { mutateWire } from "./mutate_wire.ts";
import { packGzip, packSnappy } from "./pack.ts";
import { MEDIA_TYPES, type PayloadKind, type PushInput } from "./push_input.ts";
import type { Seeds } from "./seeds.ts";

/** What inputs are made of. */
export interface Sources {
  /** Where chance comes from. */
  readonly random: Random;
  /** Which target the inputs are for. */
  readonly target: number;
  /** The labels of the clusters that may send them. The first is left alone. */
  readonly identities: readonly ReadonlyMap<string, string>[];
  /** Good pushes. */
  readonly seeds: Seeds;
  /** The clock of the target. */
  readonly nowMs: number;
  /** The most samples of a seed. */
  readonly maxSamples: number;
  /** An earlier input that was worth keeping, if there is one. */
  readonly earlier: () => PushInput | undefined;
}

const CONTENT_TYPES: readonly string[] = [
  ...Object.values(MEDIA_TYPES),
  "application/vnd.google.protobuf",
  'Application/Vnd.Google.Protobuf;PROTO="io.prometheus.client.MetricFamily" ; encoding=DELIMITED',
  "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=text",
  "text/plain; =; ;;",
  ";",
  "",
];
const CONTENT_ENCODINGS: readonly string[] = [
  "",
  " ",
  "identity",
  "SNAPPY",
  "gzip, gzip",
  "x-gzip",
  "br",
  "deflate",
  "snappy ",
];

/** Makes one input. */
export function generate(sources: Sources): PushInput {
  const { random, identities } = sources;
  const base = random.chance(0.6) ? sources.earlier() : undefined;
  const cluster = base?.cluster ?? random.between(1, identities.length - 1);
  const kind = base?.kind ?? random.pick(["protobuf", "protobuf", "text"]);
  const other = sources.earlier()?.payload ?? new Uint8Array(1);
  const payload = base === undefined
    ? freshPayload(kind, cluster, sources)
    : mutatePayload(base.payload, { kind, random, other });
  const encoding = random.pick(["snappy", "snappy", "snappy", "gzip", "identity"]);
  const packed = encoding === "snappy"
    ? packSnappy(payload, random)
    : encoding === "gzip"
    ? packGzip(payload, random)
    : payload;
  // What is compressed is mutated rarely: a checksum stops nearly all of that.
  const body = random.chance(encoding === "identity" ? 0.2 : 0.05) ? mutateBytes(packed, { random, other }) : packed;
  return {
    target: sources.target,
    cluster,
    kind,
    payload,
    body,
    contentType: random.chance(0.02) ? random.pick(CONTENT_TYPES) : MEDIA_TYPES[kind],
    contentEncoding: random.chance(0.02) ? random.pick(CONTENT_ENCODINGS) : encoding,
    ...(random.chance(0.01) ? { tokenFlip: random.below(4_000) } : {}),
  };
}

function freshPayload(
  kind: PayloadKind,
  cluster: number,
  { random, identities, seeds, nowMs, maxSamples }: Sources,
): Uint8Array {
  const seed = seeds.families(random, { identity: identities[cluster], maxSamples });
  const families = mutateFamilies(seed, { random, nowMs });
  const payload = kind === "protobuf" ? encodeFamilies(families) : formatText(families);
  return random.chance(0.5) ? payload : mutatePayload(payload, { kind, random, other: payload });
}

function mutatePayload(
  payload: Uint8Array,
  { kind, random, other }: { kind: PayloadKind; random: Random; other: Uint8Array },
): Uint8Array {
  if (random.chance(0.7)) {
    const mutated = kind === "text" ? mutateText(payload, random) : mutateWire(payload, { random });
    if (mutated !== undefined) return mutated;
  }
  return mutateBytes(payload, { random, other });
}
