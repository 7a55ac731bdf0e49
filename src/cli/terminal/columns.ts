/**
 * Numbers and tables as people read them.
 */

/** 1234567 → `1,234,567`; the same in every locale. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Bytes as KiB, MiB, GiB with three significant digits. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let scaled = value
  let unit = 0
  while (scaled >= 1024 && unit < units.length - 1) {
    scaled /= 1024
    unit += 1
  }
  return `${unit === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toPrecision(3)} ${units[unit]}`
}

/** Rows as aligned columns: numbers to the right, the rest to the left, two spaces between. */
export function columns(rows: readonly (readonly (string | number)[])[]): string[] {
  const widths: number[] = []
  const shown = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? count(cell) : cell)))
  for (const row of shown)
    row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, cell.length)))
  const right = widths.map((_, index) => rows.some((row) => typeof row[index] === 'number'))
  return shown.map((row) =>
    row
      .map((cell, index) =>
        right[index] === true ? cell.padStart(widths[index] as number) : cell.padEnd(widths[index] as number),
      )
      .join('  ')
      .trimEnd(),
  )
}
