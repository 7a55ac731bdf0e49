/**
 * The condition of a write, from its headers: `If-Match: "version"` (`"0"`: it must be absent), or
 * `If-None-Match: *` (the same as `"0"`). Everything else that HTTP allows here would be weaker than what a
 * writer means by it, so it is refused rather than half understood.
 */
import { SpillwayError } from '../errors.ts'

const STRONG = /^"(\d{1,16})"$/

/** Headers that came twice arrive joined by a comma, and are refused as the lists that they are. */
export function conditionOf(
  ifMatch: string | undefined,
  ifNoneMatch: string | undefined,
): number | undefined {
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    throw new SpillwayError('invalid', 'If-Match and If-None-Match exclude each other; send one of them.')
  }
  if (ifMatch === undefined) {
    if (ifNoneMatch === '*') return 0
    throw new SpillwayError(
      'invalid',
      'If-None-Match takes only *, meaning that the record must be absent; for a version use If-Match.',
    )
  }
  const digits = STRONG.exec(ifMatch)?.[1]
  const version = digits === undefined ? Number.NaN : Number(digits)
  if (Number.isSafeInteger(version)) return version
  throw new SpillwayError(
    'invalid',
    `If-Match takes one version in double quotes, such as "${ifMatch.replace(/\D/g, '').slice(0, 16) || '137438953473'}"; ` +
      'no *, no list, no weak W/ tag, and the header only once. "0" means that the record must be absent.',
  )
}
