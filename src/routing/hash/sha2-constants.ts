const bits64 = (1n << 64n) - 1n

/** FIPS 180-4, 4.2.3: the first 64 bits of the fractions of the cube roots of the first 80 primes. SHA-256 takes the upper halves of 64 of them. */
export const roundConstants: readonly bigint[] = primes(80).map(prime => root(BigInt(prime) << 192n, 3n) & bits64)

/** FIPS 180-4, 5.3: the same of the square roots, of the first 8 and of the next 8 primes. */
const squareRoots = primes(16).map(prime => root(BigInt(prime) << 128n, 2n) & bits64)

export const startOf = {
  sha512: squareRoots.slice(0, 8),
  sha384: squareRoots.slice(8),
  sha256: squareRoots.slice(0, 8).map(value => Number(value >> 32n)),
  sha224: squareRoots.slice(8).map(value => Number(value & 0xffffffffn)),
} as const

function primes(count: number): number[] {
  const found: number[] = []
  for (let n = 2; found.length < count; n++) if (found.every(prime => n % prime > 0)) found.push(n)
  return found
}

/** The whole part, by Newton's method from above. */
function root(value: bigint, degree: bigint): bigint {
  let guess = 1n << 101n
  for (;;) {
    const next = ((degree - 1n) * guess + value / guess ** (degree - 1n)) / degree
    if (next >= guess) return guess
    guess = next
  }
}
