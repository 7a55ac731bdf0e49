/**
 * Serving from start to stop; what `serve` and `dev` have in common.
 *
 *   opening ─▶ serving ── SIGTERM/SIGINT ─▶ not ready ─▶ accepts no more ─▶ journals what was admitted
 *                                                        ─▶ lands what fits in drainMs ─▶ exit 0
 *   A second signal ends the process at once: what was acknowledged is in the journal by then, as after any crash.
 */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import { deferred } from '../kit/deferred.ts'
import { runtimeName, runtimeVersion } from '../runtime/process.ts'
import { isLoopback, startServer } from '../server/index.ts'
import { prepareDataFolder } from './data-folder.ts'
import { EXIT, VerbFailure } from './exit-code.ts'
import { packageVersion } from './package-version.ts'
import { serverLogger } from './logger.ts'
import { openTier } from './open-stores.ts'
import { count } from './terminal/columns.ts'
import { withProgress } from './terminal/progress.ts'
import { tokenFrom } from './token.ts'
import { profileOf } from '../options/profile.ts'
import { redactUrl } from '../options/store-url.ts'
import type { ServeSettings } from '../options/serve-options.ts'
import type { CloseReport, Tier } from '../index.ts'
import type { Server } from '../server/index.ts'
import type { Invocation } from './verb.ts'

const EXIT_FORCED = 1

function checkHost(host: string, token: string | undefined): void {
  if (token === undefined && !isLoopback(host)) {
    throw new SpillwayError(
      'invalid',
      `--host ${host} is reachable from other machines and needs a token: set SPILLWAY_TOKEN, --token-file or --token, or serve on 127.0.0.1.`,
    )
  }
}

async function listening(
  tier: Tier,
  settings: ServeSettings,
  token: string | undefined,
  logger: ReturnType<typeof serverLogger>,
): Promise<Server> {
  const { host, port } = settings.server
  try {
    return await startServer({ tier, host, port, token, logger })
  } catch (error) {
    await tier.close({ drainMs: 0 })
    // For the caller of a verb this is a failed start, not a server that does not answer.
    if (isSpillwayError(error, 'unavailable'))
      throw new VerbFailure(EXIT.failed, error.detail, { cause: error })
    throw error
  }
}

/** Resolves at the first signal; a second one ends the process. */
function stopSignal(invocation: Invocation): Promise<NodeJS.Signals> {
  const first = deferred<NodeJS.Signals>()
  let signals = 0
  const onSignal = (name: NodeJS.Signals): void => {
    signals += 1
    if (signals === 1) first.resolve(name)
    else {
      invocation.terminal.say(`${name} again: ending at once. What was acknowledged is in the journal.`)
      process.exit(EXIT_FORCED)
    }
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  return first.promise
}

/** In a profile of one process nobody else would ever land what this one acknowledges. */
function checkRole({ tier }: ServeSettings): void {
  const { name } = profileOf(tier)
  if (tier.role === 'api' && name !== 'redis')
    throw new SpillwayError(
      'invalid',
      `--role api does not land, and the profile ${name} has no other process that would: take --role all, or the profile redis (--front redis://… --journal same).`,
    )
}

function sayStopped(invocation: Invocation, { tier }: ServeSettings, report: CloseReport): void {
  const then =
    tier.journal === 'same' ? 'are landed by another process, or the next' : 'land at the next start'
  invocation.terminal.say(
    report.pending === 0
      ? report.confirmed
        ? 'Stopped: every acknowledged write is in the database.'
        : `Stopped: the database does not answer. Every acknowledged write was in it before, and is safe in ${report.where}; what it may have lost lands at the next start.`
      : `Stopped: ${count(report.pending)} acknowledged writes are not in the database yet. They are safe in ${report.where} and ${then}.`,
  )
}

/** Without passwords. */
function storesOf({ tier }: ServeSettings): string {
  return [...new Set([tier.front, tier.journal, tier.database])]
    .filter((url) => url !== 'memory:' && url !== 'same')
    .map(redactUrl)
    .join(', ')
}

/** Serves until a signal and returns the exit code. `curl` adds a line to try it with. */
export async function serveUntilStopped(
  invocation: Invocation,
  settings: ServeSettings,
  curl: boolean,
): Promise<number> {
  const { terminal, flags } = invocation
  const token = tokenFrom(settings.server.token, settings.server.tokenFile)
  checkHost(settings.server.host, token)
  checkRole(settings)
  const data = settings.data === undefined ? undefined : prepareDataFolder(settings.data)
  const logger = serverLogger(terminal, flags.json === true)
  const tier = await openTier(invocation, { logger, ...settings.tier })
  const stop = stopSignal(invocation)
  const server = await listening(tier, settings, token, logger)
  const status = await tier.status()
  const { strong, dim } = terminal.errPaint
  terminal.say(
    `${strong(`spillway ${packageVersion()}`)} on ${runtimeName} ${runtimeVersion}, pid ${process.pid}`,
  )
  terminal.say(`  ${dim('profile')}  ${status.profile}: ${status.promise}`)
  terminal.say(`  ${dim('data')}     ${data ?? storesOf(settings)}`)
  terminal.say(
    `  ${dim('serving')}  ${server.url}  ${dim(`(${server.url}/openapi.json, /metrics, /readyz)`)}`,
  )
  if (status.totals.pending > 0)
    terminal.say(
      `  ${dim('landing')}  ${count(status.totals.pending)} writes that were acknowledged before this start`,
    )
  if (curl) {
    const auth = token === undefined ? '' : " -H 'authorization: Bearer TOKEN'"
    terminal.say(
      `  ${dim('try')}      curl -X PUT${auth} ${server.url}/v1/records/notes/hello -d '{"text":"world"}' -H 'content-type: application/json'`,
    )
  }
  terminal.out(
    JSON.stringify({ ready: true, url: server.url, pid: process.pid, role: settings.tier.role ?? 'all' }),
  )

  const signal = await stop
  terminal.say(
    settings.tier.role === 'api'
      ? `${signal}: accepting no more.`
      : `${signal}: accepting no more, landing what is pending for up to ${settings.server.drainMs / 1_000} s.`,
  )
  server.drain()
  await server.close()
  const report = await withProgress(
    terminal,
    () => 'landing',
    () => tier.close({ drainMs: settings.server.drainMs }),
  )
  sayStopped(invocation, settings, report)
  return EXIT.ok
}
