/**
 * The programs that run together: all that were started, and which of them ended although nobody asked it to.
 *
 * @module
 */

import { Child, type ChildCommand } from "./child.ts";

/** Children that end together: disposing of the crew stops them one by one, the last started first. */
export class Crew implements AsyncDisposable {
  /** Resolves to the first child that ended although nobody asked it to. */
  readonly lost: Promise<Child>;
  readonly #lose: (child: Child) => void;
  readonly #children: Child[] = [];
  readonly #dismissed = new Set<Child>();

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Child>();
    this.lost = promise;
    this.#lose = resolve;
  }

  /** All that were started, ended ones too, in the order of their start. */
  get children(): readonly Child[] {
    return this.#children;
  }

  /** Starts a child. */
  start(command: ChildCommand): Child {
    const child = new Child(command);
    this.#children.push(child);
    child.exited.then(() => this.#dismissed.has(child) || this.#lose(child));
    return child;
  }

  /** Asks a child to stop and waits until it is gone. */
  async stop(child: Child): Promise<void> {
    this.#dismissed.add(child);
    await child.stop();
  }

  /** Ends a child as a crash does and waits until it is gone. */
  async kill(child: Child): Promise<void> {
    this.#dismissed.add(child);
    await child.kill();
  }

  /** Stops all that still run. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#children.forEach((child) => this.#dismissed.add(child));
    for (const child of this.#children.toReversed()) await child.stop();
  }
}
