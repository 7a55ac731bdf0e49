/** The value that the benches write: a form such as candidates save, padded to an exact number of JSON bytes. */

const CHOICES = [
  '10001-080901',
  '10003-050101',
  '10246-120203',
  '10248-081001',
  '10384-030101',
  '10610-070102',
]

export function form(n: number, jsonBytes: number): object {
  const bare = {
    candidate: String(n % 1e9).padStart(9, '0'),
    batch: 2,
    revision: n % 7,
    choices: CHOICES.slice(0, jsonBytes >= 400 ? 6 : 1),
    adjust: n % 2 === 0,
    note: '',
  }
  const missing = jsonBytes - JSON.stringify(bare).length
  if (missing < 0)
    throw new Error(`A form has at least ${JSON.stringify(bare).length} bytes, not ${jsonBytes}`)
  return { ...bare, note: 'a note on the choices above. '.repeat(Math.ceil(missing / 29)).slice(0, missing) }
}

/** A few hundred different forms, made before the clock runs. */
export function forms(jsonBytes: number, count = 256): readonly object[] {
  return Array.from({ length: count }, (_, n) => form(n, jsonBytes))
}
