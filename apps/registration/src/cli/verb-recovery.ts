/**
 * `recovery`: how long a restart takes while a million saves have not landed, and that none of them is lost.
 *
 *   people ─▶ saves without landing ─▶ ✖ kill -9 (server, Redis) ─▶ counted in SQL ─▶ started: ready, read right
 *                                                                                       └▶ all landed ─▶ checked
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sleep, systemClock } from '../clock.ts'
import { costOf } from '../load/process-cost.ts'
import type { RealServers } from '../load/real-servers.ts'
import { ServerChild } from '../load/server-child.ts'
import { StaffClient } from '../load/staff-client.ts'
import { openSql } from '../store/open-sql.ts'
import { STAFF_LOGIN, prepared } from './first-data.ts'
import type { CommandLine, Places } from './options.ts'
import { data, tell } from './output.ts'
import { inScratch } from './scratch.ts'
import { checkVerb } from './verb-check.ts'
import { checkArguments, storeArguments } from './verb-load.ts'

const SAVES = 1_000_000
const PEOPLE = 100_000
const SERVING_SECONDS_MAX = 60
const LANDED_MS_MAX = 600_000
const LOOK_MS = 100

export function recoveryVerb(line: CommandLine): Promise<number> {
  return inScratch(line, (places, real) => recover(line, places, real))
}

async function recover(line: CommandLine, places: Places, real: RealServers | undefined): Promise<number> {
  const saves = line.whole('count', SAVES)
  const people = line.whole('people', PEOPLE)
  const runtime = line.text('runtime-path') ?? process.execPath
  const { code, tokens } = await prepared(places, people)

  tell(`Saving ${saves} forms of ${people} candidates while nothing lands …`)
  const savedSeconds = await timed(async () => {
    const counts = ['--people', String(people), '--count', String(saves)]
    const backlog = await ServerChild.start(
      ['backlog', ...storeArguments(places), ...counts],
      undefined,
      runtime,
    )
    await backlog.kill()
  })
  const unlanded = saves - (await landedVersions(places))
  tell(
    `${saves} acknowledged in ${savedSeconds.toFixed(1)} s, then SIGKILL: ${unlanded} of them are not in SQL.`,
  )

  const redisSeconds = real === undefined ? 0 : await timed(() => restartedRedis(real))
  if (real !== undefined) tell(`Redis, killed too, has its memory again after ${redisSeconds.toFixed(1)} s.`)
  let server: ServerChild | undefined
  try {
    const serverSeconds = await timed(async () => {
      server = await ServerChild.start(
        [...storeArguments(places), '--people', '0', '--port', '0'],
        undefined,
        runtime,
      )
      await readRight(
        server.url,
        join(places.folder, 'history.jsonl'),
        (id) => tokens.make({ role: 'candidate', id }, 0, systemClock.now()).token,
      )
    })
    const servingSeconds = redisSeconds + serverSeconds
    tell(
      `Serving again after ${servingSeconds.toFixed(1)} s: ready, and the last save is read as it was told.`,
    )
    const { pid, url } = server as unknown as ServerChild
    const landedSeconds = await timed(() => allLanded(url, code))
    const mebibytes = Math.round((costOf(pid)?.residentBytes ?? 0) / 2 ** 20)
    tell(`All landed ${landedSeconds.toFixed(1)} s later; the server has ${mebibytes} MiB. The proof:`)
    await (server as unknown as ServerChild).stop()
    const checked = (await checkVerb(checkArguments(places, join(places.folder, 'history.jsonl')))) === 0
    const isInTime = servingSeconds <= line.whole('seconds', SERVING_SECONDS_MAX)
    if (!isInTime) tell(`That is slower than ${line.whole('seconds', SERVING_SECONDS_MAX)} s.`)
    if (unlanded < saves) tell('Some had landed: that was no restart with all of them to be landed.')
    const ok = checked && isInTime && unlanded === saves
    if (line.flag('json'))
      data({
        ok,
        saves,
        unlanded,
        savedSeconds,
        redisSeconds,
        servingSeconds,
        landedSeconds,
        mebibytes,
        checked,
      })
    return ok ? 0 : 1
  } finally {
    await (server as ServerChild | undefined)?.stop()
  }
}

async function timed(run: () => Promise<void>): Promise<number> {
  const startedMs = systemClock.now()
  await run()
  return (systemClock.now() - startedMs) / 1_000
}

/** Counted in the database while no process of ours runs. */
async function landedVersions({ store }: Places): Promise<number> {
  const sql = await (await openSql(store.database)).readOnly()
  try {
    const [counted] = await sql.all<{ n: number }>('SELECT count(*) AS n FROM form_history LIMIT 1')
    return Number(counted?.n ?? 0)
  } finally {
    await sql.close()
  }
}

async function restartedRedis({ redis }: RealServers): Promise<void> {
  await redis.kill('SIGKILL')
  await redis.restart({})
}

/** `readyz`, then the form of the last line of the history: the version that was told, or a later one of that candidate. */
async function readRight(
  url: string,
  history: string,
  tokenOf: (candidate: string) => string,
): Promise<void> {
  await served(`${url}/readyz`)
  const last = (await readFile(history)).subarray(-1_000).toString().trim().split('\n').at(-1) ?? ''
  const told = JSON.parse(last) as { readonly candidate: string; readonly version: number }
  const headers = { authorization: `Bearer ${tokenOf(told.candidate)}` }
  const form = JSON.parse(await served(`${url}/api/form`, headers)) as typeof told
  if (form.version < told.version)
    throw new Error(`${told.candidate} was told version ${told.version} and reads ${form.version}.`)
}

/** Asks until it is answered: 503 is what a server says that is not there yet. */
async function served(url: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  for (;;) {
    const response = await fetch(url, { headers })
    const body = await response.text()
    if (response.ok) return body
    if (response.status !== 503) throw new Error(`${url} answered ${response.status}: ${body}`)
    await sleep(LOOK_MS)
  }
}

async function allLanded(url: string, staffCode: string): Promise<void> {
  const staff = new StaffClient([url])
  await staff.signIn(STAFF_LOGIN, staffCode)
  const deadlineMs = systemClock.now() + LANDED_MS_MAX
  for (;;) {
    const status = await staff.call('GET', '/api/staff/status')
    const { pending } = (status as { readonly tier: { readonly totals: { readonly pending: number } } }).tier
      .totals
    if (pending === 0) return
    if (systemClock.now() > deadlineMs)
      throw new Error(`${pending} saves have not landed in ${LANDED_MS_MAX} ms.`)
    await sleep(LOOK_MS)
  }
}
