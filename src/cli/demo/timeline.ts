/**
 * The timeline of a run: what happened in each tenth of a second, drawn as rows of bars above one time axis.
 */
import { count } from '../terminal/columns.ts'
import type { Paint } from '../terminal/paint.ts'

const BUCKET_MS = 100
const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

interface Bucket {
  saves: number
  reads: number
  /** Highest seen; undefined: nobody could ask. */
  pending: number | undefined
}

export interface Marks {
  /** Ms since the start. */
  readonly killedMs: number
  readonly readyMs: number
}

export class Timeline {
  readonly #buckets: Bucket[] = []

  #at(ms: number): Bucket {
    const index = Math.max(0, Math.floor(ms / BUCKET_MS))
    while (this.#buckets.length <= index) this.#buckets.push({ saves: 0, reads: 0, pending: undefined })
    return this.#buckets[index] as Bucket
  }

  save(ms: number): void {
    this.#at(ms).saves += 1
  }

  read(ms: number): void {
    this.#at(ms).reads += 1
  }

  pending(ms: number, pending: number): void {
    const bucket = this.#at(ms)
    bucket.pending = Math.max(bucket.pending ?? 0, pending)
  }

  /** Highest rate over half a second of the row, a second. */
  #peak(of: (bucket: Bucket) => number): number {
    const window = 5
    let peak = 0
    for (let end = window; end <= this.#buckets.length; end += 1) {
      const sum = this.#buckets.slice(end - window, end).reduce((total, bucket) => total + of(bucket), 0)
      peak = Math.max(peak, (sum * 1_000) / (window * BUCKET_MS))
    }
    return peak
  }

  /** Draws at most `width` columns. `plain`: no bars above ASCII's reach are needed, the same picture is drawn. */
  draw(width: number, paint: Paint, marks: Marks): string[] {
    const room = width - 34
    const perColumn = Math.max(1, Math.ceil(this.#buckets.length / room))
    const columns: Bucket[][] = []
    for (let at = 0; at < this.#buckets.length; at += perColumn)
      columns.push(this.#buckets.slice(at, at + perColumn))
    const columnOf = (ms: number): number =>
      Math.min(columns.length - 1, Math.floor(ms / BUCKET_MS / perColumn))
    const killed = columnOf(marks.killedMs)
    const ready = Math.max(killed + 1, columnOf(marks.readyMs))

    const row = (
      name: string,
      of: (buckets: Bucket[]) => number | undefined,
      note: string,
      colour: (text: string) => string,
    ): string => {
      const values = columns.map(of)
      const top = Math.max(1, ...values.map((value) => value ?? 0))
      const bars = values.map((value, index) => {
        if (index === killed) return paint.bad('✖')
        if (value === undefined || value === 0) return ' '
        return colour(BARS[Math.min(BARS.length - 1, Math.floor((value / top) * BARS.length))] as string)
      })
      return `  ${paint.dim(name.padEnd(9))}${bars.join('')}  ${paint.dim(note)}`
    }
    const mean = (of: (bucket: Bucket) => number) => (buckets: Bucket[]) =>
      buckets.reduce((total, bucket) => total + of(bucket), 0) / buckets.length
    const highest = (buckets: Bucket[]): number | undefined => {
      const known = buckets.flatMap((bucket) => (bucket.pending === undefined ? [] : [bucket.pending]))
      return known.length === 0 ? undefined : Math.max(...known)
    }
    const pendingTop = Math.max(0, ...columns.map((buckets) => highest(buckets) ?? 0))
    return [
      row(
        'saves',
        mean((bucket) => bucket.saves),
        `up to ${count(this.#peak((bucket) => bucket.saves))}/s`,
        paint.accent,
      ),
      row(
        'reads',
        mean((bucket) => bucket.reads),
        `up to ${count(this.#peak((bucket) => bucket.reads))}/s`,
        paint.good,
      ),
      row('pending', highest, `up to ${count(pendingTop)}`, paint.warn),
      ...axis(columns.length, perColumn, killed, ready, marks, paint),
    ]
  }
}

function axis(
  length: number,
  perColumn: number,
  killed: number,
  ready: number,
  marks: Marks,
  paint: Paint,
): string[] {
  const line = Array.from({ length }, (_, index) => (index === killed || index === ready ? '┴' : '─'))
  const killLabel = `kill -9 at ${(marks.killedMs / 1_000).toFixed(1)} s`
  const readyLabel = `ready ${Math.round(marks.readyMs - marks.killedMs)} ms later`
  const start = '0 s'
  const end = `${((length * perColumn * BUCKET_MS) / 1_000).toFixed(1)} s`
  // The two labels stand left and right of the gap, so that they never overlap however short it is.
  const left =
    killLabel.length + start.length + 2 <= killed + 1
      ? `${start}${killLabel.padStart(killed + 1 - start.length)}`
      : killLabel.padStart(killed + 1)
  const gap = Math.max(1, ready - left.length)
  const right = `${' '.repeat(gap)}${readyLabel}`
  const used = left.length + right.length
  const tail = used + end.length + 2 <= length ? end.padStart(length - used) : ''
  return [
    paint.dim(`${' '.repeat(11)}${line.join('')}`),
    paint.dim(`${' '.repeat(11)}${left}${right}${tail}`),
  ]
}
