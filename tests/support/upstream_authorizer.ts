/**
 * An upstream authorizer that does as a test says, over a real socket: it answers at once, later, oddly or never.
 *
 * @module
 */

/** What it is asked. */
export interface Question {
  /** The client's initial token. */
  readonly token: string;
  /** The cluster that it wants to speak for. */
  readonly id: string;
  /** Aborted when whoever asks goes away. */
  readonly signal: AbortSignal;
}

/** How it answers. */
export type Answering = (question: Question) => Response | Promise<Response>;

/** Says yes. */
export const yes: Answering = ({ id }) => Response.json({ account_id: `account of ${id}` });

/** Says that it does not know the token. */
export const unknownToken: Answering = () => Response.json({ name: "NotAuthorized", reason: "" }, { status: 401 });

/** An authorizer on a free port of localhost. */
export class UpstreamUnderTest implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #held = new Set<() => void>();
  /** What it was asked so far. */
  readonly asked: Question[] = [];
  /** Questions that wait for an answer. */
  underWay = 0;
  /** The most that ever did. */
  most = 0;
  /** How it answers from now on. */
  answer: Answering = yes;

  /** Listens at once. */
  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#respond(request),
    );
  }

  /** Where it listens. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  /** Answers as `answering` does, but not before it is told to by {@linkcode UpstreamUnderTest.release}. */
  held(answering: Answering): Answering {
    return async (question) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#held.add(resolve);
      question.signal.addEventListener("abort", () => resolve());
      await promise;
      this.#held.delete(resolve);
      return await answering(question);
    };
  }

  /** Lets all that is held be answered. */
  release(): void {
    for (const release of this.#held) release();
  }

  async #respond(request: Request): Promise<Response> {
    const { authorization_token: token, cluster_id: id } = await request.json();
    const question = { token, id, signal: request.signal };
    this.asked.push(question);
    this.most = Math.max(this.most, ++this.underWay);
    try {
      return await this.answer(question);
    } finally {
      this.underWay--;
    }
  }

  /** Stops, whoever waits. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await this.#server.shutdown();
  }
}
