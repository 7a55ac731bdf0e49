/**
 * Conversions between a JSON field and a SQL column: exact both ways, or refused at admission.
 *
 *   as       JSON accepted                                  stored as                     comes back as
 *   ───────  ─────────────────────────────────────────────  ────────────────────────────  ─────────────────────
 *   (none)   string, or finite number whose integers are    the string or number itself   the same
 *            within ±(2^53 − 1); −0 counts as 0
 *   text     string without lone surrogates                 text                          the same
 *   int64    string "-?digits", canonical, 64-bit signed    64-bit integer                the same
 *   decimal  string "-?digits[.digits]", no leading zeros,  decimal text                  the same, trailing zeros
 *            ≤ 65 digits, ≤ 30 of them after the point                                    included
 *   date     string YYYY-MM-DD, a day of the calendar,      date text                     the same
 *            years 1000 to 9999
 *   instant  string YYYY-MM-DDTHH:MM:SS[.f]zone, 1 to 6     UTC as YYYY-MM-DD HH:MM:SS.f  the same
 *            fraction digits, zone Z or ±HH:MM; no second   with 6 digits where that is
 *            60, no hour 24                                 enough, else as it was sent
 *   bool     true, false                                    1, 0                          the same
 *   binary   string, base64 with padding (RFC 4648 §4)      bytes                         the same
 *   json     anything                                       its JSON text as it was sent  the same text
 *
 * An instant as `toISOString()` makes it (UTC, 3 fraction digits, or 6) is stored as SQL writes date and time, so that
 * text order is time order. One with another zone or number of digits could not come back from that as it was sent:
 * it is stored as sent, which SQL's date functions understand too, but text order does not put in order. Send UTC
 * where the database is to sort by it.
 */
import { SpillwayError } from '../errors.ts'

export const COLUMN_AS = ['int64', 'decimal', 'date', 'instant', 'bool', 'binary', 'json', 'text'] as const
export type ColumnAs = (typeof COLUMN_AS)[number]

/** What a SQL driver binds and gives back. Integers of 64 bits go in as bigint and may come back as text. */
export type SqlValue = null | number | bigint | string | Uint8Array

export interface Conversion {
  /** Throws `invalid` naming the field. `source` gives the JSON text of the field as it was sent. */
  toSql(json: unknown, field: string, source: () => string): SqlValue
  /** JSON text; undefined where what is stored is not what this conversion stores. Never called with null. */
  toJson(stored: SqlValue): string | undefined
}

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/
const DECIMAL = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/
const DECIMAL_DIGITS_MAX = 65
const DECIMAL_SCALE_MAX = 30
const DATE = /^([1-9]\d{3})-(\d\d)-(\d\d)$/
const INSTANT = /^([1-9]\d{3})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:Z|([+-])(\d\d):(\d\d))$/
/** What is in a column: as SQL writes it, or what other programs leave there (a T without zone). */
const STORED_INSTANT = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?$/

function refuse(field: string, wanted: string, got: unknown): SpillwayError {
  const shown = got === undefined ? 'nothing' : (JSON.stringify(got) ?? typeof got)
  const cut = shown.length > 60 ? `${shown.slice(0, 60)}…` : shown
  return new SpillwayError('invalid', `Field ${JSON.stringify(field)} must be ${wanted}; it is ${cut}.`)
}

function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] as number
  return day <= days
}

/** UTC as SQL writes it with 6 fraction digits; undefined where it is no instant that can be kept exactly. */
function utcOf(text: string): string | undefined {
  const match = INSTANT.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  if (!isDay(year, month, day) || hour > 23 || minute > 59 || second > 59) return undefined
  const fraction = (match[7] ?? '').padEnd(6, '0')
  const offsetHours = Number(match[9] ?? 0)
  const offsetMinutes = Number(match[10] ?? 0)
  if (offsetHours > 23 || offsetMinutes > 59) return undefined
  const ahead = (match[8] === '-' ? -1 : 1) * (offsetHours * 60 + offsetMinutes)
  const utc = new Date(Date.UTC(year, month - 1, day, hour, minute - ahead, second)).toISOString()
  // Years left of 1000 and right of 9999 can be reached through the zone only.
  if (!/^[1-9]\d{3}-/.test(utc)) return undefined
  return `${utc.slice(0, 10)} ${utc.slice(11, 19)}.${fraction}`
}

/** What is stored for an instant: UTC where that comes back as it was sent, else the text itself. */
function storedInstant(text: string): string | undefined {
  const utc = utcOf(text)
  return utc === undefined || shownInstant(utc) === text ? utc : text
}

function shownInstant(stored: string): string | undefined {
  const match = STORED_INSTANT.exec(stored)
  if (match === null) return utcOf(stored) === undefined ? undefined : stored
  const micros = (match[3] ?? '').padEnd(6, '0')
  return `${match[1]}T${match[2]}.${micros.endsWith('000') ? micros.slice(0, 3) : micros}Z`
}

function wholeText(stored: SqlValue): string | undefined {
  if (typeof stored === 'bigint') return stored.toString()
  if (typeof stored === 'number') return Number.isSafeInteger(stored) ? String(stored) : undefined
  return typeof stored === 'string' && INTEGER.test(stored) ? stored : undefined
}

const text: Conversion = {
  toSql(json, field) {
    if (typeof json === 'string' && json.isWellFormed()) return json
    throw refuse(field, 'a string without lone surrogates', json)
  },
  toJson: (stored) => (typeof stored === 'string' ? JSON.stringify(stored) : undefined),
}

/** A column without `as`: the JSON string or number that it is. */
export const scalar: Conversion = {
  toSql(json, field, source) {
    if (typeof json === 'string') return text.toSql(json, field, source)
    if (
      typeof json === 'number' &&
      Number.isFinite(json) &&
      (!Number.isInteger(json) || Number.isSafeInteger(json))
    ) {
      return json === 0 ? 0 : json
    }
    if (typeof json === 'boolean')
      throw refuse(field, "a string or number, or its column declared { as: 'bool' }", json)
    if (typeof json === 'object')
      throw refuse(field, "a string or number, or its column declared { as: 'json' }", json)
    throw refuse(
      field,
      "a string, or a finite number with integers within ±(2^53-1) (larger: { as: 'int64' }, sent as a string)",
      json,
    )
  },
  toJson(stored) {
    if (typeof stored === 'bigint') return wholeText(stored)
    if (typeof stored === 'number') return Number.isFinite(stored) ? JSON.stringify(stored) : undefined
    return text.toJson(stored)
  },
}

export const CONVERSIONS: Record<ColumnAs, Conversion> = {
  text,
  int64: {
    toSql(json, field) {
      if (typeof json === 'string' && INTEGER.test(json)) {
        const whole = BigInt(json)
        if (whole >= INT64_MIN && whole <= INT64_MAX) return whole
      }
      throw refuse(field, 'a whole number of 64 bits as a string without leading zeros', json)
    },
    toJson(stored) {
      const whole = wholeText(stored)
      return whole === undefined ? undefined : `"${whole}"`
    },
  },
  decimal: {
    toSql(json, field) {
      if (typeof json === 'string' && DECIMAL.test(json) && !/^-[0.]*$/.test(json)) {
        const [whole = '', fraction = ''] = json.replace('-', '').split('.')
        if (fraction.length <= DECIMAL_SCALE_MAX && whole.length + fraction.length <= DECIMAL_DIGITS_MAX)
          return json
      }
      throw refuse(
        field,
        `a decimal as a string without leading zeros or exponent, up to ${DECIMAL_DIGITS_MAX} digits with ${DECIMAL_SCALE_MAX} after the point`,
        json,
      )
    },
    toJson: (stored) => (typeof stored === 'string' && DECIMAL.test(stored) ? `"${stored}"` : undefined),
  },
  date: {
    toSql(json, field) {
      const match = typeof json === 'string' ? DATE.exec(json) : null
      if (match !== null && isDay(Number(match[1]), Number(match[2]), Number(match[3]))) return json as string
      throw refuse(field, 'a day of the calendar as YYYY-MM-DD, years 1000 to 9999', json)
    },
    toJson: (stored) => (typeof stored === 'string' && DATE.test(stored) ? `"${stored}"` : undefined),
  },
  instant: {
    toSql(json, field) {
      const stored = typeof json === 'string' ? storedInstant(json) : undefined
      if (stored !== undefined) return stored
      throw refuse(
        field,
        'an instant as YYYY-MM-DDTHH:MM:SS with up to 6 fraction digits and a zone (Z or ±HH:MM)',
        json,
      )
    },
    toJson(stored) {
      const shown = typeof stored === 'string' ? shownInstant(stored) : undefined
      return shown === undefined ? undefined : `"${shown}"`
    },
  },
  bool: {
    toSql(json, field) {
      if (typeof json === 'boolean') return json ? 1 : 0
      throw refuse(field, 'true or false', json)
    },
    toJson(stored) {
      if (stored === 1 || stored === 1n) return 'true'
      return stored === 0 || stored === 0n ? 'false' : undefined
    },
  },
  binary: {
    toSql(json, field) {
      if (typeof json === 'string') {
        const bytes = Buffer.from(json, 'base64')
        // Buffer skips what is not base64, so only the way back proves that the string was exact.
        if (bytes.toString('base64') === json) return bytes
      }
      throw refuse(field, 'base64 with padding as a string', json)
    },
    toJson(stored) {
      if (!(stored instanceof Uint8Array)) return undefined
      return `"${Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength).toString('base64')}"`
    },
  },
  json: {
    toSql: (_json, _field, source) => source(),
    toJson(stored) {
      if (typeof stored !== 'string') return undefined
      try {
        // Somebody else may have written the column: broken text must not break the whole value.
        JSON.parse(stored)
        return stored
      } catch {
        return undefined
      }
    },
  },
}
