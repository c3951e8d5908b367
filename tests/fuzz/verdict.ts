/**
 * What the checks of an input come to.
 *
 * @module
 */

/** Something that must not be. */
export interface Finding {
  /** What, in a few words that are the same for the same fault. */
  readonly what: string;
  /** All there is to say. */
  readonly detail: string;
}

/** What came of an input. */
export interface Verdict<Input = unknown> {
  /** How the target answered, in a word or a status. */
  readonly answer: string;
  /** Whether it took the input. */
  readonly accepted: boolean;
  /** Stands for the way that the input took through the code. */
  readonly feature: string;
  /** What must not be, if anything. */
  readonly finding?: Finding;
  /** Whether a second reading made the same of it, by an independent reader where there is one, if it was tried. */
  readonly agrees?: boolean;
  /** What shows the finding again, if the input alone would not. */
  readonly shows?: Input;
  /** What else to tell of an input that is sent by itself. */
  readonly told?: unknown;
}
