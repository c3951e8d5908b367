/**
 * Why a push is refused: one row a kind says all that anybody has to know of it.
 *
 * @module
 */

import { type LimitError, type PassedLimit, RAISED_LIMITS } from "../../common/exposition/metric_family.ts";
import { CLIENT_GONE, HttpError } from "../../common/http/http.ts";
import type { Outcome, RejectReason } from "../../ring/protocol/effects.ts";
import type { InvalidPushError, InvalidReason } from "../../common/ingest/invalid_push.ts";
import type { CapacityError } from "../limits/capacity.ts";
import { retryAfterSeconds } from "../limits/rate_limit.ts";
import type { StoreUnavailableError } from "../store/push_store.ts";

/** A kind of refusal, which is also what counters call it where nothing is more precise. */
export type RefusalKind =
  | "invalid"
  | "limit"
  | "capacity"
  | "rate"
  | "samples"
  | "refused_often"
  | "refused"
  | "too_big"
  | "store"
  | "ring_fenced"
  | "ring_busy"
  | "ring_owner_busy"
  | "ring_unreachable"
  | "ring_views_differ"
  | "ring_store"
  | "ring_no_copy";

/** What the stages of a push throw that is no answer yet. Each has a `code` of its own, by which its row is found. */
type Fault = InvalidPushError | LimitError | CapacityError | StoreUnavailableError;

/** What sets one refusal apart from others of its kind. */
interface Particulars {
  /** Why, in a word for a counter's label. @default the kind */
  readonly reason?: string;
  /** When the same push may be taken, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Which limit the push is over. */
  readonly passed?: PassedLimit;
}

interface Row {
  /** The status of the answer. */
  readonly status: number;
  /**
   * Whether it counts against the cluster's limit of refused pushes: what is the cluster's own fault does, and what found no
   * room, as that was a body read and ingested for nothing.
   */
  readonly counts: boolean;
  /** The `code` of the error that a stage throws for it. */
  readonly fault?: Fault["code"];
  /** The reasons of that error, by which counters call it, as they are more precise than the kind. */
  readonly reasons?: readonly string[];
  /** When the client may try again, in milliseconds, where nothing says so more precisely; without it, the push will never do. */
  readonly retryAfterMs?: number;
  /** What the client is told; then what the fault says is not for it. Without them the fault speaks of the push alone. */
  readonly words?: string;
  /** Told by the owner to the member whose client pushed: what follows the kind there, and what is read of that. */
  readonly member?: {
    readonly write: (refusal: Particulars) => string;
    readonly read: (particular: string) => Particulars;
  };
}

/** All reasons, which the compiler demands. */
function reasonsOf<Reason extends string>(reasons: Readonly<Record<Reason, true>>): readonly string[] {
  return Object.keys(reasons);
}

/** Tells which limit the push is over: its name, then how much there is, if that is known. */
function writeLimit({ passed: { limit, sent } = {} }: Particulars): string {
  if (limit === undefined) return "";
  return sent === undefined ? limit : `${limit}_${sent}`;
}

function readLimit(particular: string): Particulars {
  const [, name, sent] = /^([A-Za-z]+)(?:_(\d{1,15}))?$/.exec(particular) ?? [];
  const limit = RAISED_LIMITS.find((known) => known === name);
  return limit === undefined ? {} : { passed: { limit, sent: sent === undefined ? undefined : Number(sent) } };
}

/** Tells how long the client has to wait. */
const WAIT: Row["member"] = {
  write: ({ retryAfterMs = 0 }) => String(Math.ceil(retryAfterMs)),
  read: (ms) => ({ retryAfterMs: Number(ms) || 0 }),
};

const TABLE: Readonly<Record<RefusalKind, Row>> = {
  invalid: {
    status: 400,
    counts: true,
    fault: "invalid_push",
    reasons: reasonsOf<InvalidReason>({ malformed: true, empty: true, identity: true }),
    member: { write: ({ reason = "" }) => reason, read: (reason) => ({ reason: reason || undefined }) },
  },
  limit: { status: 413, counts: true, fault: "limit", member: { write: writeLimit, read: readLimit } },
  capacity: {
    status: 503,
    counts: true,
    fault: "capacity",
    reasons: reasonsOf<CapacityError["reason"]>({ clusters: true, total_series: true, memory: true, work: true }),
    words: "Cannot take the push as this server has no room for more at the moment: try again later",
    // Clients of openshift/telemeter wait a minute after any refusal.
    retryAfterMs: 60_000,
    member: {
      write: ({ reason = "" }) => reason,
      read: (reason) => ({ reason: ["total_series", "memory", "work"].includes(reason) ? reason : "clusters" }),
    },
  },
  rate: {
    status: 429,
    counts: true,
    retryAfterMs: 0,
    words: "Cannot take a push of this cluster so soon after the one before: wait as Retry-After says",
    member: WAIT,
  },
  samples: {
    status: 503,
    counts: false,
    retryAfterMs: 1_000,
    words: "Cannot take more samples of this cluster so soon: wait as Retry-After says",
  },
  refused_often: {
    status: 429,
    counts: false,
    retryAfterMs: 0,
    words:
      "Cannot take more of this cluster yet, as too many of its requests were refused: mend what sends them as the answers " +
      "to those say, and wait as Retry-After says",
    member: WAIT,
  },
  /** By an owner of a later version, for a reason that this one does not know. */
  refused: {
    status: 400,
    counts: true,
    words: "Cannot take the push as the server that owns the cluster has refused it",
  },
  too_big: {
    status: 413,
    counts: true,
    words: "Cannot take the push as it is larger than the servers of the ring take",
  },
  store: {
    status: 503,
    counts: false,
    fault: "store_unavailable",
    words: "Cannot store the push now: try again later",
  },
  ring_fenced: byRing("Cannot take the push as this server has lost contact with its ring: try again later"),
  ring_busy: byRing("Cannot take the push as too many pushes wait for other servers of the ring: try again later"),
  ring_owner_busy: byRing("Cannot take the push as the server that owns the cluster is busy: try again later"),
  ring_unreachable: byRing("Cannot reach a server that may store the push: try again later"),
  ring_views_differ: byRing("Cannot tell which server owns the cluster, as the ring is changing: try again later"),
  ring_store: byRing("Cannot store the push as the store has failed: try again later"),
  ring_no_copy: byRing("Cannot find a second server in time that keeps the push: try again later"),
};

/** The row of what passes once the ring has room, or agrees again. */
function byRing(words: string): Row {
  return { status: 503, counts: false, retryAfterMs: 1_000, words };
}

/** What refuses a push before a stage sees it: its token, its form, its body, want of a slot; and our own failures. */
const BEFORE_STAGES = [
  "token",
  "forged",
  "busy",
  "encoding",
  "body_size",
  "body",
  "body_timeout",
  "framing",
  "client_gone",
  "internal",
] as const;

/** The reasons by which `telemeter_push_rejections_total` counts. */
export const PUSH_REJECTION_REASONS: readonly string[] = [
  ...BEFORE_STAGES,
  ...Object.entries(TABLE).flatMap(([kind, { reasons }]) => reasons === undefined ? [kind] : [kind, ...reasons]),
];

const BY_FAULT = new Map(Object.entries(TABLE).map(([kind, { fault }]) => [fault, kind as RefusalKind]));

/** The kind by which the ring rejects a push that it has not found anything wrong with. */
const OF_RING: Readonly<Record<Exclude<RejectReason, "refused">, RefusalKind>> = {
  "fenced": "ring_fenced",
  "busy": "ring_busy",
  "owner-busy": "ring_owner_busy",
  "unreachable": "ring_unreachable",
  "views-differ": "ring_views_differ",
  "too-big": "too_big",
  "store": "ring_store",
  "no-copy": "ring_no_copy",
};

/** A push refused by one row of the table: what its client is told. */
export class PushRefusal extends HttpError {
  /** The row. */
  readonly kind: RefusalKind;
  /** When the client may try again, in milliseconds; undefined if the same push will never do. */
  readonly retryAfterMs: number | undefined;

  /** Refuses by the row of a kind. If the row has words, a message that says something else is the detail. */
  constructor(
    kind: RefusalKind,
    { message = "", reason = kind, retryAfterMs = TABLE[kind].retryAfterMs, passed, cause }:
      & Particulars
      & { readonly message?: string; readonly cause?: unknown } = {},
  ) {
    const { status, words } = TABLE[kind];
    const headers = retryAfterMs === undefined ? undefined : { "retry-after": retryAfterSeconds(retryAfterMs) };
    const detail = words === undefined || message === "" || message === words ? undefined : message;
    super(status, words ?? message, { reason, headers, detail, passed, cause });
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A refusal as the owner tells it to the member whose client pushed. */
export interface MemberRefusal {
  /** The kind, and what is particular to it behind a space. */
  readonly reason: string;
  /** A sentence on it, which the client sees where the kind has no words of its own. */
  readonly detail: string;
}

/** What the client is told where a stage throws; undefined if what it threw is no refusal but a failure of our own. */
export function refusalOf(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error;
  if (!(error instanceof Error)) return undefined;
  const { code, message, reason, retryAfterMs, passed } = error as Error & Particulars & {
    readonly code?: Fault["code"];
  };
  const kind = code === undefined ? undefined : BY_FAULT.get(code);
  if (kind === undefined) return undefined;
  return new PushRefusal(kind, {
    message,
    reason: TABLE[kind].reasons ? reason : kind,
    retryAfterMs,
    passed,
    cause: error,
  });
}

/** Whether what a stage threw counts against the cluster's limit of refused pushes. */
export function countsAsRefused(error: unknown): boolean {
  const refusal = refusalOf(error);
  if (refusal instanceof PushRefusal) return TABLE[refusal.kind].counts;
  return refusal !== undefined && refusal.status < 500 && !isAbandoned(refusal);
}

/** Whether the client went away before its push was there. */
export function isAbandoned(error: unknown): boolean {
  return error instanceof HttpError && error.status === CLIENT_GONE;
}

/** What the owner tells the member whose client pushed; undefined if the push is not at fault and has found room. */
export function toMember(error: unknown): MemberRefusal | undefined {
  const refusal = refusalOf(error);
  if (!(refusal instanceof PushRefusal)) return undefined;
  const { kind, message, detail = message } = refusal;
  const particular = TABLE[kind].member?.write(refusal);
  return particular === undefined ? undefined : { reason: `${kind} ${particular}`.trimEnd(), detail };
}

/** What the client is told of what the owner has told us. An owner of a later version may have reasons that we do not know. */
export function fromMember({ reason, detail }: MemberRefusal): PushRefusal {
  const [, kind = "", particular = ""] = /^(\w{1,32})(?: (\w{1,32}))?$/.exec(reason) ?? [];
  const member = Object.hasOwn(TABLE, kind) ? TABLE[kind as RefusalKind].member : undefined;
  if (member === undefined) return new PushRefusal("refused", { message: detail });
  return new PushRefusal(kind as RefusalKind, { message: detail, ...member.read(particular) });
}

/** What the client is told of a push that the ring has rejected. */
export function fromRing({ reason, retryMs, refused }: Extract<Outcome, { result: "rejected" }>): PushRefusal {
  if (reason === "refused") {
    return fromMember(refused ?? { reason: "", detail: "" });
  }
  return new PushRefusal(OF_RING[reason], { retryAfterMs: reason === "too-big" ? undefined : retryMs });
}
