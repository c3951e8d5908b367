/**
 * Keeping what V8 has compiled from one use to the next, where uses are far apart.
 *
 * V8 throws compiled code away that knows a class of which a collection finds no object. What only a forward has is gone between
 * two of them, so that the next dozens of forwards would be interpreted again, after each collection.
 *
 * @module
 */

const lastOfClass = new Map<unknown, object>();

/** Keeps an object, and what it holds, until there is another one of its class: code that is compiled for those stays. */
export function keepCompiled(object: object): void {
  lastOfClass.set(object.constructor, object);
}
