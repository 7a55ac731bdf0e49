/**
 * Citizen identification numbers (GB 11643): 18 characters.
 *
 *   330106  20070315  123  X
 *   region  birth     seq  check digit: ISO 7064 MOD 11-2 over the first 17
 */
const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2] as const
const CHECK_DIGITS = '10X98765432'
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const
const FORM = /^[1-9]\d{16}[\dX]$/

export function checkDigitOf(first17: string): string {
  let sum = 0
  for (let at = 0; at < 17; at += 1) sum += (first17.charCodeAt(at) - 48) * (WEIGHTS[at] as number)
  return CHECK_DIGITS[sum % 11] as string
}

/** As it is kept: without surrounding blanks, the check digit X large. */
export function normalIdNumber(text: string): string {
  return text.trim().toUpperCase()
}

/** Why a normal ID number is none; undefined where it is one. */
export function idNumberProblem(id: string): string | undefined {
  if (id.length !== 18) return `An ID number has 18 characters; this one has ${id.length}.`
  if (!FORM.test(id)) return 'An ID number has 17 digits and then a digit or X.'
  if (!isDay(Number(id.slice(6, 10)), Number(id.slice(10, 12)), Number(id.slice(12, 14))))
    return `The birth date ${id.slice(6, 14)} in the ID number is no day of the calendar.`
  if (checkDigitOf(id) !== id[17]) return 'The check digit of the ID number is wrong: a digit was mistyped.'
  return undefined
}

/** `birth` is YYYYMMDD, `sequence` 0 to 999. */
export function idNumber(region: string, birth: string, sequence: number): string {
  const first17 = region + birth + String(sequence).padStart(3, '0')
  return first17 + checkDigitOf(first17)
}

function isDay(year: number, month: number, day: number): boolean {
  if (year < 1900 || month < 1 || month > 12 || day < 1) return false
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  return day <= (month === 2 && isLeap ? 29 : (DAYS[month - 1] as number))
}
