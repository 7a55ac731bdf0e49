/**
 * `soak`: the mix for a long time, compressed, and whether the server's memory grows with what it answered.
 *
 * Everything that the application remembers is bounded; so after a warm-up memory is level, whatever the number of
 * answers. The front is made small for this, so that it is full early: what it may hold is no growth.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sleep, systemClock } from '../clock.ts'
import { Generator } from '../load/generator.ts'
import type { MemorySample } from '../load/memory-log.ts'
import { memoryTrend } from '../load/memory-trend.ts'
import type { MemoryTrend } from '../load/memory-trend.ts'
import { ASK_KINDS, PUBLISHED_MIX } from '../load/mix.ts'
import { figuresTable } from '../load/report.ts'
import { ServerChild } from '../load/server-child.ts'
import type { CommandLine, Places } from './options.ts'
import { ProgressLine, data, tell } from './output.ts'
import { inScratch } from './scratch.ts'
import { mixOptions, storeArguments } from './verb-load.ts'

const SECONDS = 60
const PEOPLE = 500
const FRONT_MEBIBYTES = 4
const SAMPLES = 100
const SAMPLE_MS_MIN = 500
const LOOK_MS = 100
const MEBIBYTE = 2 ** 20
const DAY_SECONDS = 86_400
/** At most, with two standard errors. */
const LIVE_GROWTH_MAX = 8 * MEBIBYTE
/** Allocators and the caches of SQLite settle for minutes: what the system counts is judged in a long soak only. */
const RESIDENT_GROWTH_MAX = 48 * MEBIBYTE
const RESIDENT_SECONDS_MIN = 300
/** Of all answers: a soak that is mostly refused proves nothing. */
const REFUSED_SHARE_MAX = 0.001

interface Reading {
  readonly atMs: number
  readonly answers: number
}

export function soakVerb(line: CommandLine): Promise<number> {
  return inScratch(line, (places) => soak(line, places))
}

async function soak(line: CommandLine, places: Places): Promise<number> {
  const seconds = line.whole('seconds', SECONDS)
  const people = line.whole('people', PEOPLE)
  const memoryFile = join(places.folder, 'memory.jsonl')
  const everyMs = Math.max(SAMPLE_MS_MIN, Math.round((seconds * 1_000) / SAMPLES))
  const server = await ServerChild.start(
    [
      ...[...storeArguments(places), '--port', '0', '--people', String(people)],
      ...['--front-mib', String(line.whole('front-mib', FRONT_MEBIBYTES))],
      ...['--memory-log', memoryFile, '--memory-every', String(everyMs)],
      ...(line.text('sabotage') === undefined ? [] : ['--sabotage', line.text('sabotage') as string]),
    ],
    undefined,
    line.text('runtime-path'),
  )
  const readings: Reading[] = []
  let answers = 0
  let refused = 0
  const generator = new Generator({
    ...mixOptions(line, places, people),
    urls: [server.url],
    history: undefined,
    onAnswer: (_, ok) => {
      answers += 1
      if (!ok) refused += 1
    },
  })
  const progress = new ProgressLine()
  const startedMs = systemClock.now()
  try {
    generator.start()
    for (let ms = 0; ms < seconds * 1_000; ms = systemClock.now() - startedMs) {
      readings.push({ atMs: systemClock.now(), answers })
      progress.show(`${answers} answers in ${Math.round(ms / 1_000)} s`, systemClock.now())
      await sleep(LOOK_MS)
    }
    tell(figuresTable(generator.takeFigures()))
    await generator.stop()
  } finally {
    progress.end()
    await server.stop()
  }
  const samples = samplesIn(memoryFile).filter(({ atMs }) => atMs >= startedMs)
  const live = trendOf(samples, readings, (sample) => sample.liveBytes)
  const resident = trendOf(samples, readings, (sample) => sample.residentBytes)
  const isResidentLevel = seconds < RESIDENT_SECONDS_MIN || resident.growthBytesMax <= RESIDENT_GROWTH_MAX
  const isLevel = live.growthBytesMax <= LIVE_GROWTH_MAX && isResidentLevel
  const isServed = refused <= answers * REFUSED_SHARE_MAX
  tell(
    `${answers} answers, as many as 24 h of ${(answers / DAY_SECONDS).toFixed(1)} a second; ${refused} refused.`,
  )
  tell(trendLine('alive after a collection', live, LIVE_GROWTH_MAX))
  tell(trendLine('resident', resident, RESIDENT_GROWTH_MAX))
  tell(isLevel ? 'Memory does not grow.' : 'Memory GROWS, or the samples are too far apart to tell.')
  if (line.flag('json')) {
    const counts = ASK_KINDS.map((kind) => [kind, PUBLISHED_MIX[kind]])
    data({
      ok: isLevel && isServed,
      answers,
      refused,
      mix: Object.fromEntries(counts),
      live,
      resident,
      samples,
    })
  }
  return isLevel && isServed ? 0 : 1
}

function samplesIn(path: string): MemorySample[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line) as MemorySample)
}

/** How much had been answered at the moment of each sample. */
function trendOf(
  samples: readonly MemorySample[],
  readings: readonly Reading[],
  bytesOf: (sample: MemorySample) => number,
): MemoryTrend {
  return memoryTrend(
    samples.map((sample) => ({
      answers: readings.findLast(({ atMs }) => atMs <= sample.atMs)?.answers ?? 0,
      bytes: bytesOf(sample),
    })),
  )
}

function trendLine(what: string, trend: MemoryTrend, growthMax: number): string {
  const mebibytes = (bytes: number): string => (bytes / MEBIBYTE).toFixed(1)
  const { bytesPerAnswer, growthBytes, growthBytesMax, answers, samples } = trend
  return (
    `${what}: ${bytesPerAnswer.toFixed(2)} bytes an answer; over the last ${answers} answers (${samples} samples) ` +
    `${mebibytes(growthBytes)} MiB, not above ${mebibytes(growthBytesMax)} MiB (limit ${mebibytes(growthMax)})`
  )
}
