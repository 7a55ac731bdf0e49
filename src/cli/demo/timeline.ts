/**
 * The timeline of a run: what happened in each moment, drawn as rows of bars above one time axis.
 */
import { count } from '../terminal/columns.ts'
import type { Paint } from '../terminal/paint.ts'

const BUCKET_MS = 25
/** A rate is one over half a second at least. */
const PEAK_BUCKETS = 20
const LABEL_WIDTH = 9
/** What stands right of the bars: `up to 123,456/s`. */
const NOTE_WIDTH = 18
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
    let peak = 0
    for (let end = PEAK_BUCKETS; end <= this.#buckets.length; end += 1) {
      const sum = this.#buckets
        .slice(end - PEAK_BUCKETS, end)
        .reduce((total, bucket) => total + of(bucket), 0)
      peak = Math.max(peak, (sum * 1_000) / (PEAK_BUCKETS * BUCKET_MS))
    }
    return peak
  }

  /** The picture, at most `width` columns wide. */
  draw(width: number, paint: Paint, marks: Marks): string[] {
    const room = width - LABEL_WIDTH - NOTE_WIDTH - 4
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
      const top = Math.max(...values.map((value) => value ?? 0)) || 1
      const bars = values.map((value, index) => {
        if (index === killed) return paint.bad('✖')
        if (value === undefined || value === 0) return ' '
        return colour(BARS[Math.min(BARS.length - 1, Math.floor((value / top) * BARS.length))] as string)
      })
      return `  ${paint.dim(name.padEnd(LABEL_WIDTH))}${bars.join('')}  ${paint.dim(note)}`
    }
    const mean = (of: (bucket: Bucket) => number) => (buckets: Bucket[]) =>
      buckets.reduce((total, bucket) => total + of(bucket), 0) / buckets.length
    // Asked for less often than drawn: what was seen last stands until the next answer.
    let lastPending: number | undefined
    const highest = (buckets: Bucket[]): number | undefined => {
      const known = buckets.flatMap((bucket) => (bucket.pending === undefined ? [] : [bucket.pending]))
      if (known.length > 0) lastPending = Math.max(...known)
      else if (buckets.every((bucket) => bucket.saves === 0)) lastPending = undefined
      return lastPending
    }
    const pendingTop = Math.max(0, ...this.#buckets.map((bucket) => bucket.pending ?? 0))
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

/** A line with a mark under the kill and under the moment it served again, and what they are below. */
function axis(
  length: number,
  perColumn: number,
  killed: number,
  ready: number,
  marks: Marks,
  paint: Paint,
): string[] {
  const line = Array.from({ length }, (_, index) => (index === killed || index === ready ? '┴' : '─'))
  const labels = Array.from({ length: length + 1 }, () => ' ')
  const write = (at: number, text: string): boolean => {
    const from = Math.max(0, Math.min(at, labels.length - text.length))
    const place = labels.slice(Math.max(0, from - 1), from + text.length + 1)
    if (text.length > labels.length || place.some((letter) => letter !== ' ')) return false
    labels.splice(from, text.length, ...text)
    return true
  }
  const killLabel = `kill -9 at ${(marks.killedMs / 1_000).toFixed(1)} s`
  const readyLabel = `ready ${Math.round(marks.readyMs - marks.killedMs)} ms later`
  // Right of its mark where there is room, else left of it: the two never overlap, however short the gap is.
  write(killed - killLabel.length + 1, killLabel)
  if (!write(ready, readyLabel)) write(length, readyLabel)
  write(0, '0')
  write(length, `${((length * perColumn * BUCKET_MS) / 1_000).toFixed(0)} s`)
  const indent = ' '.repeat(LABEL_WIDTH + 2)
  return [paint.dim(`${indent}${line.join('')}`), paint.dim(`${indent}${labels.join('').trimEnd()}`)]
}
