/** What a process has cost so far, where the system tells (Linux): time of the processor, and memory. */
import { readFileSync } from 'node:fs'

export interface ProcessCost {
  readonly cpuMs: number
  readonly residentBytes: number
}

/** Of the kernel's clock: 100 on every Linux that Node and Bun run on. */
const TICKS_PER_SECOND = 100
const PAGE_BYTES = 4_096

/** Undefined where it cannot be told. */
export function costOf(pid: number): ProcessCost | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in brackets may have blanks; the fields are counted after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return {
      cpuMs: ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1_000,
      residentBytes: Number(fields[21]) * PAGE_BYTES,
    }
  } catch {
    return undefined
  }
}
