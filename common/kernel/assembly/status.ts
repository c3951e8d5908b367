/**
 * Why the kernel stopped: what it asks of its caller, or what is wrong with a push. Read by the kernel's compiler and by
 * TypeScript.
 *
 * @module
 */

/** All samples of the family were read. */
export const DONE = 0;
/** A set of label names was not seen before: learn it and go on. */
export const LEARN = 1;
/** The value of a line is not a small integer: write it and go on. */
export const NUMBER = 2;
/** Only some samples of the family are kept: say whether this one is, and go on. */
export const CHOOSE = 3;
/** A summary or histogram: read its points and go on. */
export const POINTS = 4;
/** A summary or histogram whose labels are written: write its lines, and go on. */
export const LINES = 5;
/** A request of remote write has no room for another series: begin a new one and go on. */
export const FULL = 6;
/** A series is not known: put the lines where they belong and go on. */
export const TEXT = 7;

/** What is known of the series of a cluster is what was known. */
export const SAME = 8;
/** More is known than before. */
export const MORE = 9;
/** It is not worth being known, or there was no room for it. */
export const FORGOTTEN = 10;

/** A varint ends with the message. */
export const CUT_VARINT = 16;
/** A varint has more than 64 bits. */
export const LONG_VARINT = 17;
/** A length goes past the end of the message. */
export const BAD_LENGTH = 18;
/** A double ends with the message. */
export const CUT_DOUBLE = 19;
/** A field that is known has another wire type; the detail is its tag. */
export const OTHER_WIRE_TYPE = 20;
/** A field has a wire type that there is not; the detail is its tag. */
export const NO_WIRE_TYPE = 21;
/** A field ends with the message. */
export const CUT_FIELD = 22;
/** A field has a number that none may have. */
export const BAD_FIELD_NUMBER = 23;

/** A timestamp is missing, too old or too new. */
export const BAD_TIME = 32;
/** A sample has no value of its family's type. */
export const NO_VALUE = 33;
/** A label name is too long. */
export const LONG_LABEL_NAME = 34;
/** A label value is too long. */
export const LONG_LABEL_VALUE = 35;
/** A label value is not UTF-8. */
export const NOT_UTF8 = 36;
/** A label of the token has another value. */
export const OTHER_IDENTITY = 37;
/** A sample has a field that is not known, and that may change what it says. */
export const UNKNOWN_FIELD = 38;
/** A series passes the limit on labels. */
export const TOO_MANY_LABELS = 39;

/** The push passes the limit on series. */
export const TOO_MANY_SERIES = 48;
/** The push passes the limit on text. */
export const TOO_MUCH_TEXT = 50;
/** The hashes of too many series collide. */
export const COLLISIONS = 51;
