/** Figures for people. */
import { ASK_KINDS } from './mix.ts'
import type { Figures } from './generator.ts'

export function figuresTable(figures: Figures): string {
  const lines = ['             answers/s      p50      p99      max   refused']
  for (const kind of ASK_KINDS) {
    const { perSecond, p50Ms, p99Ms, msMax, refused } = figures[kind]
    const no = Object.entries(refused).map(([code, count]) => `${count} ${code}`)
    const cells = [perSecond.toFixed(0).padStart(10), ...[p50Ms, p99Ms, msMax].map(ms)]
    lines.push(`  ${kind.padEnd(10)}${cells.join(' ')}   ${no.length === 0 ? 'none' : no.join(', ')}`)
  }
  lines.push(`  ${'all'.padEnd(10)}${allPerSecond(figures).toFixed(0).padStart(10)}`)
  return lines.join('\n')
}

export function allPerSecond(figures: Figures): number {
  return ASK_KINDS.reduce((sum, kind) => sum + figures[kind].perSecond, 0)
}

export function worstP99Ms(figures: Figures): number {
  return Math.max(...ASK_KINDS.map((kind) => figures[kind].p99Ms))
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`.padStart(8)
}
