/**
 * What is still to happen in a simulated world, in the order of its time.
 *
 * @module
 */

interface Task {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A queue of tasks by time; those of one time run in the order in which they were added. */
export class Agenda {
  readonly #heap: Task[] = [];
  #order = 0;
  #now = 0;

  /** The world's time: that of the task that ran last, in milliseconds. */
  get now(): number {
    return this.#now;
  }

  /** Adds a task that is due after so many milliseconds. */
  after(delayMs: number, run: () => void) {
    this.at(this.#now + delayMs, run);
  }

  /** Adds a task that is due at this time, or now if that is past. */
  at(time: number, run: () => void) {
    const heap = this.#heap;
    const task = { at: Math.max(time, this.#now), order: this.#order++, run };
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(task, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = task;
  }

  /** Runs the next task; false if there is none. */
  step(): boolean {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined) return false;
    const last = heap.pop()!;
    if (heap.length > 0) {
      let at = 0;
      for (let child = 1; child < heap.length; child = 2 * at + 1) {
        if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
        if (!isBefore(heap[child], last)) break;
        heap[at] = heap[child];
        at = child;
      }
      heap[at] = last;
    }
    this.#now = first.at;
    first.run();
    return true;
  }
}

function isBefore(a: Task, b: Task): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
