/** For everybody: the clock, the catalogue, signing in, and the probes. */
import { Hono } from 'hono'
import type { PreparedJson } from '../catalogue/catalogue.ts'
import { instantOf } from '../clock.ts'
import { isRole } from '../domain/person.ts'
import { windowState } from '../domain/window.ts'
import { Problem } from '../problem.ts'
import type { Services } from '../services.ts'
import type { RequestEnvironment } from './environment.ts'
import { jsonObject } from './request-body.ts'
import { setSession, signedIn } from './session-cookie.ts'

const CATALOGUE_CACHE = 'public, max-age=60'
/** Schools of one request for majors: those of the longest form as a rule. */
const SCHOOLS_MAX = 100

export function publicRoutes(services: Services): Hono<RequestEnvironment> {
  const { store, clock, settings, catalogue, signIn, choicesMax } = services
  const app = new Hono<RequestEnvironment>()

  app.get('/livez', (context) => context.text('ok'))
  app.get('/readyz', async (context) => {
    await store.tier.ready()
    return context.text('ok')
  })

  app.get('/api/clock', async (context) => {
    const { window, sealedAt } = await settings.current()
    const nowMs = clock.now()
    const state = windowState(window, sealedAt !== undefined, nowMs)
    context.header('cache-control', 'no-store')
    return context.json({ now: instantOf(nowMs), window: { ...window, state }, choicesMax })
  })

  app.get('/api/catalogue/schools', async (context) => {
    const { catalogueRevision } = await settings.current()
    const { revision, schoolList } = await catalogue.current(catalogueRevision)
    return preparedAnswer(context.req.raw, schoolList, `"catalogue-${revision}"`)
  })

  app.get('/api/catalogue/majors', async (context) => {
    const codes = new Set((context.req.query('schools') ?? '').split(',').filter((code) => code !== ''))
    if (codes.size === 0 || codes.size > SCHOOLS_MAX)
      throw new Problem(400, 'invalid', `schools takes 1 to ${SCHOOLS_MAX} codes with commas between them.`)
    const { catalogueRevision } = await settings.current()
    const known = await catalogue.current(catalogueRevision)
    const schools = [...codes].map((code) => known.schoolWithMajors(code)).filter((one) => one !== undefined)
    context.header('cache-control', CATALOGUE_CACHE)
    return context.json({ revision: known.revision, schools })
  })

  app.get('/api/catalogue/schools/:school', async (context) => {
    const { catalogueRevision } = await settings.current()
    const found = (await catalogue.current(catalogueRevision)).schoolWithMajors(context.req.param('school'))
    if (found === undefined) throw new Problem(404, 'not-found', 'The catalogue has no such school.')
    context.header('cache-control', CATALOGUE_CACHE)
    return context.json(found)
  })

  app.post('/api/session', async (context) => {
    const { role = 'candidate', id, password, newPassword } = await jsonObject(context)
    if (!isRole(role) || typeof id !== 'string' || typeof password !== 'string' || id.length > 64)
      throw new Problem(400, 'invalid', 'Signing in takes {role?, id, password, newPassword?}, all text.')
    if (newPassword !== undefined && typeof newPassword !== 'string')
      throw new Problem(400, 'invalid', 'newPassword must be text.')
    if (password.length > 256 || (newPassword?.length ?? 0) > 256)
      throw new Problem(400, 'weak-password', 'A password has at most 128 characters.')
    const signed = await signIn.signIn({
      role,
      id,
      password,
      address: context.env.address,
      ...(newPassword === undefined ? {} : { newPassword }),
    })
    setSession(context, signed.token)
    context.header('cache-control', 'no-store')
    return context.json(signed)
  })

  app.get('/api/session', signedIn(signIn), async (context) => {
    const { role, id, expiresAtMs } = context.get('session')
    const name = await signIn.nameOf({ role, id })
    context.header('cache-control', 'no-store')
    return context.json({ role, id, name, expiresAt: instantOf(expiresAtMs) })
  })

  app.delete('/api/session', signedIn(signIn), async (context) => {
    await signIn.signOut(context.get('session'))
    setSession(context, '')
    return context.body(null, 204)
  })
  return app
}

function preparedAnswer(request: Request, json: PreparedJson, etag: string): Response {
  const headers: Record<string, string> = { etag, 'cache-control': CATALOGUE_CACHE, vary: 'accept-encoding' }
  if (request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers })
  headers['content-type'] = 'application/json; charset=utf-8'
  const zipped = /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '')
  if (zipped) headers['content-encoding'] = 'gzip'
  return new Response(new Uint8Array(zipped ? json.gzip : json.plain), { headers })
}
