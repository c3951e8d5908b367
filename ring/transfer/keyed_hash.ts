/**
 * A hash that depends on a key: SipHash-2-4 (Aumasson and Bernstein, 2012). Who does not know the key can choose no texts that
 * have one hash, or one byte of it.
 *
 * @module
 */

import type { Hash64 } from "../placement/rendezvous.ts";

const utf8 = new TextEncoder();

/** "somepseudorandomlygeneratedbytes", as pairs of an upper and a lower half. */
const CONSTANTS = [0x736f6d65, 0x70736575, 0x646f7261, 0x6e646f6d, 0x6c796765, 0x6e657261, 0x74656462, 0x79746573];

/** The four words of the state, each as its upper half and, behind it, its lower one. */
const [V0, V1, V2, V3] = [0, 2, 4, 6];

/** Hashes texts by one key. */
export class KeyedHash {
  /** The state with the key in it. */
  readonly #initial: Int32Array;
  readonly #state = new Int32Array(8);

  /** Takes a key of 32 hexadecimal digits, its first byte first. */
  constructor(key: string) {
    const bytes = new DataView(Uint8Array.fromHex(key).buffer);
    const words = [4, 0, 12, 8].map((at) => bytes.getUint32(at, true));
    this.#initial = Int32Array.from(CONSTANTS, (half, at) => half ^ words[at % 4]);
  }

  /** The hash of the UTF-8 bytes of a text. */
  of(text: string): Hash64 {
    const bytes = utf8.encode(text), state = this.#state, { length } = bytes;
    state.set(this.#initial);
    const whole = length - length % 8, view = new DataView(bytes.buffer, bytes.byteOffset, length);
    for (let at = 0; at < whole; at += 8) {
      this.#absorb(view.getInt32(at + 4, true), view.getInt32(at, true));
    }
    let hi = length << 24, lo = 0;
    for (let at = whole; at < length; at++) {
      const shift = 8 * (at - whole);
      if (shift < 32) lo |= bytes[at] << shift;
      else hi |= bytes[at] << shift - 32;
    }
    this.#absorb(hi, lo);
    state[V2 + 1] ^= 0xff;
    for (let i = 0; i < 4; i++) round(state);
    return {
      hi: (state[V0] ^ state[V1] ^ state[V2] ^ state[V3]) >>> 0,
      lo: (state[V0 + 1] ^ state[V1 + 1] ^ state[V2 + 1] ^ state[V3 + 1]) >>> 0,
    };
  }

  #absorb(hi: number, lo: number) {
    const state = this.#state;
    state[V3] ^= hi;
    state[V3 + 1] ^= lo;
    round(state);
    round(state);
    state[V0] ^= hi;
    state[V0 + 1] ^= lo;
  }
}

function round(state: Int32Array) {
  mix(state, { into: V0, from: V1, left: 13 });
  swap(state, V0);
  mix(state, { into: V2, from: V3, left: 16 });
  mix(state, { into: V0, from: V3, left: 21 });
  mix(state, { into: V2, from: V1, left: 17 });
  swap(state, V2);
}

/** Adds one word to another, turns it left by less than 32 bits, and takes the exclusive or of both. */
function mix(state: Int32Array, { into, from, left }: { into: number; from: number; left: number }) {
  const fromHi = state[from], fromLo = state[from + 1];
  const lo = (state[into + 1] >>> 0) + (fromLo >>> 0);
  state[into + 1] = lo;
  state[into] = state[into] + fromHi + (lo > 0xffff_ffff ? 1 : 0);
  state[from] = (fromHi << left | fromLo >>> 32 - left) ^ state[into];
  state[from + 1] = (fromLo << left | fromHi >>> 32 - left) ^ state[into + 1];
}

/** Turns a word by 32 bits. */
function swap(state: Int32Array, at: number) {
  const hi = state[at];
  state[at] = state[at + 1];
  state[at + 1] = hi;
}
