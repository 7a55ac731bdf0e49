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

interface MachineTime {
  readonly all: number
  readonly stolen: number
}

/** Of all processors since the start; a virtual machine's host may take some of it, and rates then tell about the host. */
function machineTime(): MachineTime | undefined {
  try {
    const [first = ''] = readFileSync('/proc/stat', 'latin1').split('\n')
    const fields = first.split(/\s+/).slice(1, 9).map(Number)
    return { all: fields.reduce((sum, field) => sum + field, 0), stolen: fields[7] ?? 0 }
  } catch {
    return undefined
  }
}

export interface Watched {
  readonly name: string
  readonly pid: number
}

/** What some processes cost between two moments. */
export class CostMeter {
  readonly #watched: readonly Watched[]
  #before: readonly (ProcessCost | undefined)[] = []
  #after: readonly (ProcessCost | undefined)[] = []
  #machineBefore: MachineTime | undefined
  #machineAfter: MachineTime | undefined

  constructor(watched: readonly Watched[]) {
    this.#watched = watched
  }

  begin(): void {
    this.#before = this.#watched.map(({ pid }) => costOf(pid))
    this.#machineBefore = machineTime()
  }

  end(): void {
    this.#after = this.#watched.map(({ pid }) => costOf(pid))
    this.#machineAfter = machineTime()
  }

  /** Time of the processor for an answer, which does not depend on what else the machine does as rates do. */
  lines(answers: number): string[] {
    return [...this.#processLines(answers), ...this.#stolenLine()]
  }

  #processLines(answers: number): string[] {
    return this.#watched.flatMap(({ name }, index) => {
      const [before, after] = [this.#before[index], this.#after[index]]
      if (before === undefined || after === undefined) return []
      const each = ((after.cpuMs - before.cpuMs) * 1_000) / answers
      const [from, to] = [before, after].map((one) => (one.residentBytes / 2 ** 20).toFixed(0))
      return [`${name}: ${each.toFixed(0)} µs of a core an answer; resident from ${from} to ${to} MiB.`]
    })
  }

  #stolenLine(): string[] {
    const [before, after] = [this.#machineBefore, this.#machineAfter]
    if (before === undefined || after === undefined || after.stolen === before.stolen) return []
    const share = (after.stolen - before.stolen) / Math.max(1, after.all - before.all)
    return [`The host took ${(share * 100).toFixed(0)} % of the processors from this machine meanwhile.`]
  }
}
