/**
 * What the ring needs of its network: one link to each peer that carries short messages in order, and nothing else.
 *
 * Two implementations exist: mutual-TLS WebSockets (`transport.ts`) and a network in memory for tests. The mesh knows who a
 * peer is and moves frames; it knows neither when to dial, which membership decides, nor what a message says.
 *
 * @module
 */

/** How a message is queued and how large its frame may be. */
export type MessageClass = "control" | "data";

/**
 * The types of messages by their number on the wire, and the class of each. Types 1 to 15 belong to the transport (HELLO and
 * refusals), and it hands none of them up. A frame of a type that is not listed is ignored and counted, since a newer member may
 * know more types than we do.
 */
export const MESSAGE_TYPES = {
  /** "I am here", with what the sender believes of the ring. Answered by ACK. */
  PING: { number: 16, class: "control" },
  ACK: { number: 17, class: "control" },
  /** "Ping that one for me", answered by PING_REQ_ACK if it is alive. */
  PING_REQ: { number: 18, class: "control" },
  PING_REQ_ACK: { number: 19, class: "control" },
  /** Rows of the member table: those that changed, or all of them. */
  TABLE: { number: 20, class: "control" },
  /** "Promise to vote in no earlier ballot for the next view", answered by PROMISE or OUTVOTED. */
  PREPARE: { number: 22, class: "control" },
  PROMISE: { number: 23, class: "control" },
  /** "Accept this as the next view", answered by ACCEPTED or OUTVOTED. */
  ACCEPT: { number: 24, class: "control" },
  ACCEPTED: { number: 25, class: "control" },
  /** A later ballot was promised. */
  OUTVOTED: { number: 26, class: "control" },
  /** "Do you know of no later view?", answered by CONFIRMED if so. */
  CONFIRM: { number: 27, class: "control" },
  CONFIRMED: { number: 28, class: "control" },
  /** A push on its way to the owner, or to the standby. Answered by PUT_OK or NACK. */
  PUT: { number: 32, class: "data" },
  PUT_OK: { number: 33, class: "control" },
  /** A request is refused: not the owner, busy, too big, … */
  NACK: { number: 34, class: "control" },
  /** A copy of what the sender holds. Answered by COPY_OK or NACK. */
  COPY: { number: 48, class: "data" },
  COPY_OK: { number: 49, class: "control" },
  /** "I hold these versions", answered by WANT. */
  OFFER: { number: 50, class: "data" },
  WANT: { number: 51, class: "data" },
  /** Hashes of what owner and standby have in common; answered by LIST, which lists what differs. */
  BUCKETS: { number: 52, class: "control" },
  LIST: { number: 53, class: "data" },
  /** "Offer me what will be mine", answered by PULLED once all of it was offered and copied. */
  PULL: { number: 54, class: "control" },
  PULLED: { number: 55, class: "control" },
  /** A question that has nothing to do with the ring itself, such as what the sources of a member are. */
  ASK: { number: 64, class: "data" },
  ANSWER: { number: 65, class: "data" },
} as const satisfies Record<string, { readonly number: number; readonly class: MessageClass }>;

/** The name of a type of message. */
export type MessageType = keyof typeof MESSAGE_TYPES;

/**
 * Bounds of the frames of each class, checked before anything is parsed, and of what may wait in a link's queue. The control
 * queue goes out first: a ping never waits behind more than the one data frame that is being written.
 */
export const CLASS_LIMITS: Readonly<
  Record<MessageClass, { readonly frameBytes: number; readonly queueBytes: number }>
> = {
  control: { frameBytes: 256 * 1_024, queueBytes: 2 * 1_024 * 1_024 },
  // The queue takes what forwarding lets be in flight to one peer (8 MiB), and copies beside it.
  data: { frameBytes: 1_024 * 1_024, queueBytes: 16 * 1_024 * 1_024 },
};

/** A message as it travels. */
export interface MeshMessage {
  /** What it is. */
  readonly type: MessageType;
  /** Pairs an answer with what it answers: the asker's number, unsigned 32 bits, 0 where nothing is answered. */
  readonly request: number;
  /** JSON. Comes from a peer: the reader checks each field that it uses and ignores those that it does not know. */
  readonly header: Readonly<Record<string, unknown>>;
  /** Raw bytes; empty where there are none. Whoever sends leaves them alone from then on, and so does whoever receives. */
  readonly body: Uint8Array;
}

/** Who a process is, as HELLO says it. The name is vouched for by the certificate, the rest by the peer itself. */
export interface Hello {
  /** The member's name: 1 to 255 bytes. */
  readonly name: string;
  /** 128 random bits in hex, one draw a process. */
  readonly boot: string;
  /** How often the member has started or has refuted its death. */
  readonly incarnation: number;
  /** Where it can be dialled, `host:port`. */
  readonly address: string;
  /** The machine it runs on, so that a standby can be on another one. */
  readonly host: string;
}

/** Why two processes do not link. */
export type RefusalCode =
  /** We dialled ourselves. */
  | "self"
  /** The name is alive elsewhere. */
  | "name-taken"
  /** The certificate does not vouch for the name, or the name is not on the allow-list. */
  | "not-allowed"
  /** Another cluster, or other token keys. */
  | "other-cluster"
  /** No version of the frames is common to both. */
  | "version"
  /** Somebody is there, and the handshake failed: either end does not trust the other's certificate, or it is no member at all. */
  | "handshake"
  /** No connection, no HELLO in time, garbage, the limit of links. */
  | "unreachable";

/** A refusal: a stable code, and a sentence for the log. */
export interface Refusal {
  /** Stable, for counters and decisions. */
  readonly code: RefusalCode;
  /** For a person. */
  readonly message: string;
  /** Of a dial: it is we who would not have the peer, which says nothing of ourselves. */
  readonly isOurs?: true;
  /** Of a dial: the machine is there, and has said that nobody listens at the address. */
  readonly nobodyListens?: true;
}

/** An open link. There is at most one to each name; if two meet, the one that the lower name dialled stays. */
export interface MeshLink {
  /** Who is at the other end, as it said when the link came up. */
  readonly peer: Hello;
  /** The address that we dialled for it, exactly as {@linkcode Mesh.dial} got it; absent if the peer dialled. */
  readonly dialled?: string;
}

/** What the mesh calls. It calls nothing before {@linkcode Mesh.start} and nothing after disposal, and never from within a call of ours. */
export interface MeshHandlers {
  /** Asked once a peer has proven its name and before its link is up. A refusal is told to the peer before the link is closed. */
  admit(hello: Hello): Refusal | undefined;
  /**
   * From now on messages can be sent and come. A link that takes the place of another to the same boot is not announced, but for
   * a dial that ends in such a link: then this is called (again) with what was dialled.
   */
  linkUp(link: MeshLink): void;
  /** The link ended, or was replaced by one to another boot. */
  linkDown(link: MeshLink, reason: string): void;
  /** A dial came to nothing. Each dial ends in exactly one of `linkUp` with its address and this. */
  dialFailed(address: string, refusal: Refusal): void;
  /** Messages of one link come in the order in which they were sent, within their class. */
  message(link: MeshLink, message: MeshMessage): void;
}

/** A network of links to peers. Disposing of it sends what waits (for a second at most), closes every link and stops listening. */
export interface Mesh extends AsyncDisposable {
  /** Listens, and calls the handlers from then on. Rejects if it cannot listen. */
  start(handlers: MeshHandlers): Promise<void>;
  /** Tries once to link with whoever is at the address; does nothing if such a dial is under way. */
  dial(address: string): void;
  /** Hands a message to the link with that name. False if there is none, or its queue is full: then nothing will be sent. */
  send(name: string, message: MeshMessage): boolean;
}
