/**
 * How label shapes lie in the kernel's memory, in bytes from the start of each. Read by the kernel's compiler and by
 * TypeScript, which writes all but the names.
 *
 * @module
 */

/** The next shape in the same bucket. */
export const SHAPE_NEXT = 0;
/** The hash of the names. */
export const SHAPE_HASH = 4;
/** Which labels the token has. */
export const SHAPE_TOKEN = 8;
/** How many names there are. */
export const SHAPE_SIZE = 12;
/** Counts shapes. */
export const SHAPE_ID = 16;
/** The shape that came after this one the last time. */
export const SHAPE_SUCCESSOR = 20;
/** Room for what the labels are besides names and values of the sample. */
export const SHAPE_ROOM = 24;
/** How many segments there are, and where. */
export const SHAPE_SEGMENTS = 28;
/** Where the segments are. */
export const SHAPE_SEGMENTS_AT = 32;
/** How many labels the token has. */
export const SHAPE_IDENTITY = 36;
/** Where the index of each in the sample is, four bytes each. */
export const SHAPE_IDENTITY_AT = 40;
/** How many labels of the sample are not shown. */
export const SHAPE_ELIDED = 44;
/** Where their indexes are, four bytes each. */
export const SHAPE_ELIDED_AT = 48;
/** Not 0 if a name that is shown has to stand in quotes. */
export const SHAPE_QUOTED = 52;
/** The names: the length of each, sixteen bytes for it, then its letters, filled up with zeros to sixteen. */
export const SHAPE_NAMES = 64;

/** Where what comes before the value is. */
export const SEGMENT_HEAD = 0;
/** How long that is. */
export const SEGMENT_LENGTH = 4;
/** The index of the label whose value it is, or -1. */
export const SEGMENT_SOURCE = 8;
/** Not 0 if the label is shown even when it is empty. */
export const SEGMENT_ALWAYS = 12;
/** How long a segment is. */
export const SEGMENT_BYTES = 16;
