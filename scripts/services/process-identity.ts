/**
 * Whether a process is still the one that it was: a pid is used again for another program some day, and a pid file
 * outlives a crash of the machine. So the time of its start is remembered with it.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const readText = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

const ps = (pid: number, column: string): string =>
  (spawnSync('ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8' }).stdout ?? '').trim()

/** The boot and the moment of a process's start, as text to compare; undefined when no such process runs. */
export const startedMark = (pid: number): string | undefined => {
  const stat = readText(`/proc/${pid}/stat`)
  if (stat === undefined) return ps(pid, 'lstart') || undefined
  // The program's name stands in parentheses and may hold any character; the fields are counted after it.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (state === 'Z' || state === 'X') return undefined
  return `${readText('/proc/sys/kernel/random/boot_id')?.trim() ?? ''} ${fields[18]}`
}

/** Bytes of memory that the process occupies now. */
export const residentBytes = (pid: number): number => {
  const inProc = /^VmRSS:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1]
  return Number(inProc ?? ps(pid, 'rss')) * 1_024
}
