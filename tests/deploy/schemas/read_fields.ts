/**
 * What of an object is read: finds fields that nobody asks for, such as misspelt ones.
 *
 * @module
 */

/** An object that notes what is read of it. */
export interface Observed {
  /** Looks like the object. */
  readonly object: object;
  /** The paths of the fields that nobody has read. */
  unread(): string[];
}

/** Observes an object with all that is in it. */
export function observe(object: object, path = ""): Observed {
  const read = new Set<PropertyKey>();
  const parts = new Map(
    Object.entries(object)
      .filter((entry): entry is [string, object] => typeof entry[1] === "object" && entry[1] !== null)
      .map(([key, part]) => [key, observe(part, `${path}/${key}`)]),
  );
  return {
    object: new Proxy(object, {
      get(target, key, receiver) {
        read.add(key);
        return parts.get(String(key))?.object ?? Reflect.get(target, key, receiver);
      },
    }),
    unread: () =>
      Object.keys(object).flatMap((key) => read.has(key) ? parts.get(key)?.unread() ?? [] : [`${path}/${key}`]),
  };
}
