/** Randomness that is the same every time: person number 7 is the same person in every run and every tool. */

/** 32 bits that look random, of two numbers (murmur3's finaliser). */
export function mixed(seed: number, salt: number): number {
  let h = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(salt + 1, 0xc2b2ae35)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

export function pick<T>(list: readonly T[], seed: number, salt: number): T {
  return list[mixed(seed, salt) % list.length] as T
}

/** About normal, from -3 to 3: the sum of 6 even ones. */
export function bell(seed: number, salt: number): number {
  let sum = 0
  for (let index = 0; index < 6; index += 1) sum += mixed(seed, salt * 16 + index) / 2 ** 32
  return sum - 3
}
