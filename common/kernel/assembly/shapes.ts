/**
 * Label shapes, which are what all samples with the same label names, in the same order, have in common: a sample's is
 * found by its names, byte for byte.
 *
 * @module
 */

import { aligned, reserve } from "./arena.ts";
import { equal, hashBytes, head, scatter } from "./bytes.ts";
import {
  SHAPE_HASH,
  SHAPE_ID,
  SHAPE_NAMES,
  SHAPE_NEXT,
  SHAPE_SIZE,
  SHAPE_SUCCESSOR,
  SHAPE_TOKEN,
} from "./layout.ts";
import { labelCount, spans } from "./sample.ts";

const BUCKETS: u32 = 8_192;
/** Shapes in one bucket; more come there only by intent, and would be looked through for every sample. */
const MAX_CANDIDATES: u32 = 16;

let buckets: usize = 0;
let first: usize = 0;
let free: usize = 0;
let stop: usize = 0;
let count: u32 = 0;
/** The shape of the sample before, or 0. */
let latest: usize = 0;
/** Which labels the token of the push at hand has. */
let token: u32 = 0;

/** Lays out memory for shapes, and returns where it ends. */
export function layOutShapes(at: usize, bytes: usize): usize {
  buckets = aligned(at);
  first = buckets + 4 * BUCKETS;
  stop = first + bytes;
  reserve(stop);
  forgetShapes();
  return stop;
}

function forgetShapes(): void {
  memory.fill(buckets, 0, 4 * BUCKETS);
  free = first;
  count = 0;
  latest = 0;
}

/** Says which labels the token has, as shapes hold where those stand. */
export function setToken(id: u32): void {
  token = id;
}

function hasNames(shape: usize): bool {
  const size = labelCount;
  if (load<u32>(shape + SHAPE_SIZE) !== size || load<u32>(shape + SHAPE_TOKEN) !== token) return false;
  let name = shape + SHAPE_NAMES;
  for (let span = spans, end = spans + 16 * size; span < end; span += 16) {
    const at = load<u32>(span), length = load<u32>(span + 4) - at;
    if (load<u32>(name) !== length) return false;
    if (length <= 16) {
      if (v128.any_true(v128.xor(head(at, length), v128.load(name + 16)))) return false;
      name += 32;
    } else {
      if (!equal(at, name + 16, length)) return false;
      name += 16 + aligned(length);
    }
  }
  return true;
}

function hashNames(): u32 {
  let hash: u64 = token;
  for (let span = spans, end = spans + 16 * labelCount; span < end; span += 16) {
    const at = load<u32>(span);
    hash = hashBytes(hash, at, load<u32>(span + 4) - at);
  }
  return scatter(hash);
}

/** The shape of the sample at hand, or 0. */
export function findShape(): usize {
  const before = latest;
  if (before !== 0) {
    if (hasNames(before)) return before;
    const successor = load<u32>(before + SHAPE_SUCCESSOR);
    if (successor !== 0 && hasNames(successor)) return latest = successor;
  }
  const hash = hashNames();
  for (let shape = load<u32>(buckets + 4 * (hash & (BUCKETS - 1))); shape !== 0; shape = load<u32>(shape + SHAPE_NEXT)) {
    if (load<u32>(shape + SHAPE_HASH) === hash && hasNames(shape)) {
      if (before !== 0) store<u32>(before + SHAPE_SUCCESSOR, <u32> shape);
      return latest = shape;
    }
  }
  return 0;
}

/**
 * Takes up the shape of the sample at hand and returns where it is. The caller writes what it is besides its names, some
 * of it to the `bytes` that end where {@linkcode shapesEnd} says. Where there is no more room, all others are forgotten.
 */
export function learnShape(bytes: usize): usize {
  let size = aligned(bytes) + SHAPE_NAMES;
  for (let span = spans, end = spans + 16 * labelCount; span < end; span += 16) {
    size += 16 + aligned(load<u32>(span + 4) - load<u32>(span));
  }
  if (free + size > stop) forgetShapes();
  const shape = free;
  free += size;
  memory.fill(shape, 0, size);
  const hash = hashNames();
  const bucket = buckets + 4 * (hash & (BUCKETS - 1));
  let next = load<u32>(bucket), candidates: u32 = 0;
  for (let other = next; other !== 0; other = load<u32>(other + SHAPE_NEXT)) candidates++;
  if (candidates >= MAX_CANDIDATES) next = 0;
  store<u32>(bucket, <u32> shape);
  store<u32>(shape + SHAPE_NEXT, next);
  store<u32>(shape + SHAPE_HASH, hash);
  store<u32>(shape + SHAPE_TOKEN, token);
  store<u32>(shape + SHAPE_SIZE, labelCount);
  store<u32>(shape + SHAPE_ID, count++);
  let name = shape + SHAPE_NAMES;
  for (let span = spans, end = spans + 16 * labelCount; span < end; span += 16) {
    const at = load<u32>(span), length = load<u32>(span + 4) - at;
    store<u32>(name, length);
    memory.copy(name + 16, at, length);
    name += 16 + aligned(length);
  }
  return shape;
}

/** Where the memory that the caller writes to of the shape that was learnt last ends. */
export function shapesEnd(): usize {
  return free;
}
