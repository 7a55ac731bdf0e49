/**
 * Keys with a NUL, in and out of TEXT columns as their bytes: Node before 24.16 reads text only up to the first NUL.
 * All other keys go as the strings that they are; the stored key is the same TEXT either way.
 */
import { encodeUtf8 } from '../../kit/utf8.ts'
import type { SqliteValue } from '../../runtime/sqlite.ts'

/** In place of `?` where a key is bound. */
export const KEY = 'CAST(? AS TEXT)'
/** The expression that selects a key. */
export const KEY_BACK = `iif(instr(CAST(record_key AS BLOB), x'00'), CAST(record_key AS BLOB), record_key)`

export function keyParameter(key: string): SqliteValue {
  return key.includes('\0') ? encodeUtf8(key) : key
}

/** What `KEY_BACK` selected. */
export function keyFrom(selected: unknown): string {
  return selected instanceof Uint8Array ? Buffer.from(selected).toString() : String(selected)
}
