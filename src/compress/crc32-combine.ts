/** The polynomial of CRC-32 (RFC 1952, section 8), the highest power in the lowest bit. */
const POLYNOMIAL = 0xedb88320;
/** The polynomial 1 in that form. */
const ONE = 0x80000000;

/** `powers[n]` is x^(2^n); made when first needed. */
let powers: Int32Array | undefined;

/**
 * The CRC-32 of two stretches of bytes, one after the other, from the checksums of both.
 * @param size bytes of the second one
 */
export function combineCrc32(first: number, second: number, size: number): number {
  return (multiply(first | 0, powerOfX(8 * size)) ^ second) >>> 0;
}

/** x^exponent modulo the polynomial. The exponent may go beyond 32 bits. */
function powerOfX(exponent: number): number {
  powers ??= makePowers();
  let result = ONE | 0;
  // x^(2^32) is x again.
  for (let n = 0, rest = exponent; rest > 0; n++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(result, powers[n & 31] as number);
  }
  return result;
}

/** Product of two polynomials over GF(2), modulo that of CRC-32. */
function multiply(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if (a & bit) product ^= factor;
    factor = factor & 1 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1;
  }
  return product;
}

function makePowers(): Int32Array {
  const made = new Int32Array(32);
  // x itself, then each the square of the one before.
  made[0] = 0x40000000;
  for (let n = 1; n < 32; n++) made[n] = multiply(made[n - 1] as number, made[n - 1] as number);
  return made;
}
