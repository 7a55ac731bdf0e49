/**
 * A candidate's own data. These are the hot routes: the stored JSON is passed through as the tier has it, and the
 * session is checked while the record is being read.
 */
import { Hono } from 'hono'
import type { JsonRecord } from 'spillway'
import { shownForm } from '../form/form-service.ts'
import { Problem } from '../problem.ts'
import type { Services } from '../services.ts'
import type { RequestEnvironment } from './environment.ts'
import { etagOf, versionAsked } from './if-match.ts'
import { jsonObject } from './request-body.ts'
import { claimedSession } from './session-cookie.ts'

export function candidateRoutes(services: Services): Hono<RequestEnvironment> {
  const { store, forms, signIn } = services
  const app = new Hono<RequestEnvironment>()

  app.get('/api/me', async (context) => {
    const { id, stands } = claimedSession(context, signIn, 'candidate')
    const [record] = await Promise.all([store.candidates.get(id), stands])
    if (record === undefined) throw new Problem(404, 'not-found', 'There is no candidate of this ID number.')
    const { firstSecret: _, ...shown } = record.value
    context.header('cache-control', 'no-store')
    return context.json({ candidate: id, ...shown })
  })

  app.get('/api/exam', async (context) => {
    const { id, stands } = claimedSession(context, signIn, 'candidate')
    const [record] = await Promise.all([store.examResults.getJson(id), stands])
    if (record === undefined) throw new Problem(404, 'not-found', 'There is no exam result yet.')
    return jsonAnswer(record.json, record.version)
  })

  app.get('/api/form', async (context) => {
    const { id, stands } = claimedSession(context, signIn, 'candidate')
    const [record] = await Promise.all([store.forms.getJson(id), stands])
    if (record !== undefined) return jsonAnswer(withVersion(record), record.version)
    return formAnswer(0, shownForm({ version: 0, form: undefined }))
  })

  app.put('/api/form', async (context) => {
    const { id, stands } = claimedSession(context, signIn, 'candidate')
    const ifVersion = versionAsked(context)
    const { choices } = await jsonObject(context)
    const saved = await forms.save(id, choices, ifVersion, stands)
    return formAnswer(saved.version, shownForm(saved))
  })

  app.post('/api/form/confirm', async (context) => {
    const { id, stands } = claimedSession(context, signIn, 'candidate')
    const saved = await forms.confirm(id, versionAsked(context), stands)
    return formAnswer(saved.version, shownForm(saved))
  })
  return app
}

function formAnswer(version: number, form: object): Response {
  return jsonAnswer(JSON.stringify(form), version)
}

function jsonAnswer(json: string | Uint8Array, version: number): Response {
  return new Response(json as string | Uint8Array<ArrayBuffer>, {
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      etag: etagOf(version),
    },
  })
}

/** `{"state":…}` as `{"version":7,"state":…}`, without parsing it. */
function withVersion({ version, json }: JsonRecord): Uint8Array {
  const head = Buffer.from(`{"version":${version},`)
  const body = new Uint8Array(head.length + json.length - 1)
  body.set(head)
  body.set(json.subarray(1), head.length)
  return body
}
