/** What happened in each moment of a run, drawn as rows of bars above one time axis. */
import type { Paint } from './paint.ts'

const BUCKET_MS = 100
const RATE_BUCKETS = 5
const LABEL_WIDTH = 10
const NOTE_WIDTH = 16
const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

interface Bucket {
  saves: number
  reads: number
  failed: number
  /** Highest seen; undefined: nobody could ask. */
  pending: number | undefined
}

/** Ms since the beginning, in order. */
export interface Mark {
  readonly ms: number
  readonly text: string
  readonly isBad: boolean
}

export class Timeline {
  readonly #buckets: Bucket[] = []

  count(ms: number, what: 'saves' | 'reads' | 'failed'): void {
    this.#at(ms)[what] += 1
  }

  pending(ms: number, pending: number): void {
    const bucket = this.#at(ms)
    bucket.pending = Math.max(bucket.pending ?? 0, pending)
  }

  /** At most `width` columns wide. */
  draw(width: number, paint: Paint, marks: readonly Mark[]): string[] {
    const room = width - LABEL_WIDTH - NOTE_WIDTH - 4
    const perColumn = Math.max(1, Math.ceil(this.#buckets.length / room))
    const columns: Bucket[][] = []
    for (let at = 0; at < this.#buckets.length; at += perColumn)
      columns.push(this.#buckets.slice(at, at + perColumn))
    const columnOf = (ms: number): number =>
      Math.min(columns.length - 1, Math.floor(ms / BUCKET_MS / perColumn))
    const bad = new Set(marks.filter((mark) => mark.isBad).map((mark) => columnOf(mark.ms)))
    const row = (
      name: string,
      of: (bucket: Bucket) => number | undefined,
      note: string,
      colour: (text: string) => string,
    ): string => {
      const values = columns.map((column) => Math.max(...column.map((bucket) => of(bucket) ?? 0)))
      const top = Math.max(1, ...values)
      const bars = values.map((value, index) => {
        if (bad.has(index)) return paint.bad('✖')
        return value === 0 ? ' ' : colour(BARS[Math.ceil((value / top) * BARS.length) - 1] as string)
      })
      return `  ${paint.dim(name.padEnd(LABEL_WIDTH))}${bars.join('')}  ${paint.dim(note)}`
    }
    const pendingTop = Math.max(0, ...this.#buckets.map((bucket) => bucket.pending ?? 0))
    const failed = this.#buckets.reduce((sum, bucket) => sum + bucket.failed, 0)
    return [
      row('saves', (bucket) => bucket.saves, `up to ${this.#rate('saves')}/s`, paint.accent),
      row('reads', (bucket) => bucket.reads, `up to ${this.#rate('reads')}/s`, paint.good),
      row('failed', (bucket) => bucket.failed, `${failed.toLocaleString('en')} in all`, paint.warn),
      row('un-landed', (bucket) => bucket.pending, `up to ${pendingTop.toLocaleString('en')}`, paint.warn),
      ...axis(
        columns.length,
        marks.map((mark) => ({ ...mark, at: columnOf(mark.ms) })),
        paint,
      ),
    ]
  }

  /** The highest over half a second. */
  #rate(what: 'saves' | 'reads'): string {
    let best = 0
    for (let end = RATE_BUCKETS; end <= this.#buckets.length; end += 1) {
      const sum = this.#buckets
        .slice(end - RATE_BUCKETS, end)
        .reduce((total, bucket) => total + bucket[what], 0)
      best = Math.max(best, sum)
    }
    return Math.round((best * 1_000) / (RATE_BUCKETS * BUCKET_MS)).toLocaleString('en')
  }

  #at(ms: number): Bucket {
    const index = Math.max(0, Math.floor(ms / BUCKET_MS))
    while (this.#buckets.length <= index)
      this.#buckets.push({ saves: 0, reads: 0, failed: 0, pending: undefined })
    return this.#buckets[index] as Bucket
  }
}

/** A tick for each mark, and below it what happened: on as many lines as it takes. */
function axis(length: number, marks: readonly (Mark & { readonly at: number })[], paint: Paint): string[] {
  const ticks = new Set(marks.map((mark) => mark.at))
  const line = Array.from({ length }, (_, index) => (ticks.has(index) ? '┴' : '─')).join('')
  const indent = ' '.repeat(LABEL_WIDTH + 2)
  const labels = marks.map((mark) => {
    const text = `${(mark.ms / 1_000).toFixed(1)} s ${mark.text}`
    // Left of its tick where there is no room to the right.
    const from = mark.at + 1 + text.length <= length ? mark.at : Math.max(0, mark.at - text.length + 1)
    return `${indent}${' '.repeat(from)}${mark.isBad ? paint.bad(text) : paint.dim(text)}`
  })
  return [`${indent}${paint.dim(line)}`, ...labels]
}
