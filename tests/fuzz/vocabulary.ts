/**
 * What readers stumble over: texts, numbers and bytes at the edges of what is allowed.
 *
 * @module
 */

/** Names and values of labels, and names of families, good and bad. */
export const TEXTS: readonly string[] = [
  ..."|_id|__name__|le|quantile|job|instance|secret|region|a|A|_|:|9|é|x_bucket|x_count|x_sum|x".split("|"),
  ..."my.metric|my_metric|my-metric|my metric|http.server.duration|pod-template-hash|pod_template_hash|été|ete|_t_"
    .split("|"),
  ...'with space|tab\there|line\nfeed|return\rhere|nul\0here|quote"here|back\\slash|brace}here|brace{here'.split("|"),
  ...'\\|\\n|\\\\|"|",_id="other|\u2028|\u{1f996}|\ufeff|\ufeff_id|\ufeffup|\ufffd|\ud800|# TYPE up gauge|NaN|+Inf'
    .split("|"),
  ...[3, 4, 5, 127, 128, 253, 254, 255, 256, 257, 1_000].map((length) => "l".repeat(length)),
  "é".repeat(127) + "x",
  "é".repeat(128),
  "\\".repeat(255),
];

/** Values of samples, bounds and quantiles. */
export const NUMBERS: readonly number[] = [
  ...[0, -0, 1, -1, 0.5, 0.99, 1.5, 42, 999_999_999, 1e9, 1_000_000_000.5, 1e15, 1e21, 1e-7, 1e300, -1e300],
  ...[NaN, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 + 2, 2 ** 63],
];

/** Varints: where a width, a sign or the exactness of a double ends. */
export const INTEGERS: readonly bigint[] = [
  ...[0n, 1n, 2n, 5n, 6n, 127n, 128n, 255n, 16_383n, 16_384n],
  ...[28n, 31n, 32n, 35n, 53n, 56n, 63n, 64n].flatMap((bits) => [(1n << bits) - 1n, 1n << bits, (1n << bits) + 1n]),
];

/** Bytes that are not UTF-8: lone, cut short, overlong, a surrogate, beyond Unicode. */
export const BAD_UTF8: readonly Uint8Array[] = [
  ...[
    "80",
    "ff",
    "c3",
    "c080",
    "c1bf",
    "e282",
    "e08080",
    "eda080",
    "edbfbf",
    "f09f98",
    "f0808080",
    "f4908080",
    "f8888080",
  ],
].map((hex) => Uint8Array.fromHex(hex));

/** Pieces of both formats, for mutations that know nothing of their structure. */
export const PIECES: readonly Uint8Array[] = [
  ...BAD_UTF8,
  ...["00", "7f", "80", "ff", "8000", "ffffffff0f", "ffffffffffffffffff01", "80808080808080808080", "efbbbf"],
  ...["0a", "0a00", "1800", "1804", "2200", "2202", "30", "3a00", "1204", "0800", "09", "0b", "0c", "0d", "a200"],
  ...["ff060000734e61507059", "fe000000", "00", "01", "1f8b0800000000000000"],
].map((piece) => typeof piece === "string" ? Uint8Array.fromHex(piece) : piece).concat(
  [
    '{"my.metric"} 1',
    '{"my.metric","l.x"="v"',
    "{",
    "}",
    '"',
    "\\",
    "\n",
    ",",
    "=",
    " ",
    "#",
    "# TYPE x histogram\n",
    "# HELP x \\n\n",
    '_id="other"',
    'le="+Inf"',
    "NaN",
  ]
    .map((text) => new TextEncoder().encode(text)),
);
