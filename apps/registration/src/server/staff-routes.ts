/** What staff does over HTTP; the command line does the same without a server. Each step is in the audit log. */
import { createReadStream } from 'node:fs'
import { mkdir, open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Hono } from 'hono'
import { randomName } from '../clock.ts'
import { normalIdNumber } from '../domain/id-number.ts'
import { isRole } from '../domain/person.ts'
import { savingWindow, windowState } from '../domain/window.ts'
import { IMPORT_KINDS } from '../import/kinds.ts'
import type { ImportKind } from '../import/kinds.ts'
import { Problem } from '../problem.ts'
import type { Services } from '../services.ts'
import { answerProblem } from './answer-problem.ts'
import type { RequestContext, RequestEnvironment } from './environment.ts'
import { jsonObject } from './request-body.ts'
import { signedIn } from './session-cookie.ts'

const UPLOAD_BYTES_MAX = 2 * 2 ** 30

export function staffRoutes(
  services: Services,
  onDefect: (error: unknown) => void,
): Hono<RequestEnvironment> {
  const { store, settings, clock, audit, signIn, closing, imports } = services
  const app = new Hono<RequestEnvironment>()
  app.use('/api/staff/*', signedIn(signIn, 'staff'), async (context, next) => {
    await next()
    context.header('cache-control', 'no-store')
  })

  app.post('/api/staff/imports/:kind', async (context) => {
    const kind = kindAsked(context)
    if (!/^text\/csv\s*(?:;|$)/i.test(context.req.header('content-type') ?? ''))
      throw new Problem(415, 'unsupported-media-type', 'Send the file with Content-Type: text/csv.')
    await audit.write(context.get('session'), 'import', kind)
    const path = await spooled(context, imports.folder)
    return importAnswer(services, kind, path, onDefect)
  })

  app.get('/api/staff/imports/:kind/:digest/rejected', async (context) => {
    const digest = context.req.param('digest')
    if (!/^[0-9a-f]{64}$/.test(digest)) throw new Problem(404, 'not-found', 'There is no such import.')
    return fileAnswer(imports.rejectedFile(kindAsked(context), digest), 'text/csv; charset=utf-8')
  })

  app.post('/api/staff/passwords', async (context) => {
    const { role, id } = await jsonObject(context)
    if (!isRole(role) || typeof id !== 'string') throw new Problem(400, 'invalid', 'It takes {role, id}.')
    const person = { role, id: role === 'candidate' ? normalIdNumber(id) : id }
    const oneTimeCode = await resetKnown(services, person)
    await audit.write(context.get('session'), 'reset-password', `${role}/${person.id}`)
    return context.json({ ...person, oneTimeCode })
  })

  app.put('/api/staff/window', async (context) => {
    const { opens, closes } = await jsonObject(context)
    const window = savingWindow(opens, closes)
    if (typeof window === 'string') throw new Problem(400, 'invalid', window)
    const { sealedAt } = await settings.refresh()
    if (sealedAt !== undefined)
      throw new Problem(
        409,
        'sealed',
        `The window was closed for good at ${sealedAt}; no later one can be opened.`,
      )
    await audit.write(context.get('session'), 'window', `${window.opens} ${window.closes}`)
    await settings.setWindow(window)
    return context.json({ ...window, state: windowState(window, false, clock.now()) })
  })

  app.post('/api/staff/close', async (context) => {
    await audit.write(context.get('session'), 'close', 'form')
    return context.json({ sealed: true, ...(await closing.close()) })
  })

  app.get('/api/staff/status', async (context) => {
    const [tier, site, counts] = await Promise.all([
      store.tier.status(),
      settings.refresh(),
      countRows(services),
    ])
    const state = windowState(site.window, site.sealedAt !== undefined, clock.now())
    const lagMs = Math.max(0, ...tier.partitions.map((one) => one.lagMs))
    return context.json({ window: { ...site.window, state }, tier, lagMs, counts })
  })

  app.post('/api/staff/exports', async (context) => {
    await audit.write(context.get('session'), 'export', 'form')
    const proof = await services.exports.run()
    return context.json({ export: proof.export, proof })
  })

  app.get('/api/staff/exports/:export/:file', async (context) => {
    const { export: name, file } = context.req.param()
    const path = services.exports.path(name, file)
    if (path === undefined) throw new Problem(404, 'not-found', 'There is no such export.')
    await audit.write(context.get('session'), 'download', `${name}/${file}`)
    return fileAnswer(path, file.endsWith('.csv') ? 'text/csv; charset=utf-8' : 'application/json')
  })
  return app
}

/** Only for people who are there: a mistyped ID number must not make an account. */
export async function resetKnown(
  { store, signIn }: Services,
  person: { readonly role: 'candidate' | 'teacher' | 'staff'; readonly id: string },
): Promise<string> {
  const { role, id } = person
  const records = { candidate: store.candidates, teacher: store.teachers, staff: undefined }[role]
  const known = records === undefined ? await store.credentials.get(`${role}/${id}`) : await records.get(id)
  if (known === undefined) throw new Problem(404, 'not-found', `There is no ${role} ${id}.`)
  return signIn.reset({ role, id })
}

/** Full scans, for staff only: as the tables have them now, so behind by what has not landed. */
async function countRows({ store }: Services): Promise<object> {
  const [candidates, byState] = await Promise.all([
    store.sql.all<{ n: number }>('SELECT count(*) AS n FROM candidate LIMIT 1'),
    store.sql.all<{ state: string; n: number }>(
      'SELECT state, count(*) AS n FROM form GROUP BY state LIMIT 10',
    ),
  ])
  const of = (state: string): number => Number(byState.find((row) => row.state === state)?.n ?? 0)
  return {
    candidates: Number(candidates[0]?.n ?? 0),
    forms: of('saved') + of('confirmed'),
    confirmed: of('confirmed'),
  }
}

function kindAsked(context: RequestContext): ImportKind {
  const kind = context.req.param('kind') as ImportKind
  if (IMPORT_KINDS.includes(kind)) return kind
  throw new Problem(404, 'not-found', `What can be imported: ${IMPORT_KINDS.join(', ')}.`)
}

/** The body in a file of its own: an import reads its file from the start again after a crash. */
async function spooled(context: RequestContext, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, `upload-${randomName(9)}.csv`)
  const file = await open(path, 'wx', 0o600)
  let bytes = 0
  try {
    for await (const chunk of context.req.raw.body ?? []) {
      bytes += chunk.length
      if (bytes > UPLOAD_BYTES_MAX)
        throw new Problem(413, 'too-large', `A file has at most ${UPLOAD_BYTES_MAX} bytes: split it.`)
      await file.writeFile(chunk)
    }
  } catch (error) {
    await rm(path, { force: true })
    throw error
  } finally {
    await file.close()
  }
  return path
}

/** Lines of JSON while it runs; whoever hangs up does not stop it. */
function importAnswer(
  services: Services,
  kind: ImportKind,
  path: string,
  onDefect: (error: unknown) => void,
): Response {
  const encoder = new TextEncoder()
  let gone = false
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const say = (line: object): void => {
        if (!gone) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`))
      }
      try {
        const report = await services.imports.run(kind, path, (progress) => say({ progress }))
        say({ report })
      } catch (error) {
        say({ problem: (await answerProblem(error, onDefect).json()) as object })
      }
      await rm(path, { force: true })
      if (!gone) controller.close()
    },
    cancel() {
      gone = true
    },
  })
  return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } })
}

async function fileAnswer(path: string, type: string): Promise<Response> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new Problem(404, 'not-found', 'There is no such file.')
  const body = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>
  return new Response(body, { headers: { 'content-type': type, 'content-length': String(found.size) } })
}
