/** A teacher's lists. Each look is in the audit log before it is answered. */
import { Hono } from 'hono'
import { normalIdNumber } from '../domain/id-number.ts'
import { shownForm } from '../form/form-service.ts'
import { Problem } from '../problem.ts'
import type { Services } from '../services.ts'
import { lagOf } from '../store/landing.ts'
import { PROGRESS_STATES, countsOf } from '../teacher/classes.ts'
import type { CandidateProgress, ProgressState } from '../teacher/classes.ts'
import type { RequestContext, RequestEnvironment } from './environment.ts'
import { signedIn } from './session-cookie.ts'

const LIMIT = 50
const LIMIT_MAX = 200

export function teacherRoutes(services: Services): Hono<RequestEnvironment> {
  const { store, classes, audit, forms, signIn } = services
  const app = new Hono<RequestEnvironment>()
  app.use('/api/teacher/*', signedIn(signIn, 'teacher'), async (context, next) => {
    await next()
    context.header('cache-control', 'no-store')
  })

  app.get('/api/teacher/classes', async (context) => {
    const teacher = context.get('session')
    const own = await classes.own(teacher.id)
    await audit.write(teacher, 'classes', own.map((one) => one.class).join(' '))
    const { candidates, rosterAgeMs } = await classes.progress(own.map((one) => one.class))
    const byClass = Map.groupBy(candidates, (one) => one.class)
    const listed = own.map((one) => ({ ...one, ...countsOf(byClass.get(one.class) ?? []) }))
    return context.json({ classes: listed, rosterAgeMs })
  })

  app.get('/api/teacher/classes/:class', async (context) => {
    const teacher = context.get('session')
    const state = stateAsked(context)
    const own = await classes.ownClass(teacher.id, context.req.param('class'))
    await audit.write(teacher, 'class', own.class)
    const { candidates, rosterAgeMs } = await classes.progress([own.class])
    const wanted = state === undefined ? candidates : candidates.filter((one) => one.state === state)
    const { class: code, name } = own
    return context.json({
      class: code,
      name,
      counts: countsOf(candidates),
      ...page(context, wanted),
      rosterAgeMs,
    })
  })

  app.get('/api/teacher/search', async (context) => {
    const teacher = context.get('session')
    const { name = '', idSuffix = '', school = '', class: only } = context.req.query()
    const terms = JSON.stringify({ name, idSuffix, school, class: only })
    if (name === '' && idSuffix === '' && school === '')
      throw new Problem(400, 'invalid', 'Search by name, idSuffix or school.')
    if (idSuffix !== '' && !/^[\dXx]{4,8}$/.test(idSuffix))
      throw new Problem(400, 'invalid', 'idSuffix is the last 4 to 8 characters of an ID number.')
    const own =
      only === undefined ? await classes.own(teacher.id) : [await classes.ownClass(teacher.id, only)]
    await audit.write(teacher, 'search', terms)
    const { candidates, rosterAgeMs } = await classes.progress(own.map((one) => one.class))
    const suffix = idSuffix.toUpperCase()
    const named = candidates.filter((one) => one.name.includes(name) && one.candidate.endsWith(suffix))
    const found = school === '' ? named : await classes.choosing(named, school)
    return context.json({ ...page(context, found), rosterAgeMs })
  })

  app.get('/api/teacher/candidates/:candidate/form', async (context) => {
    const teacher = context.get('session')
    const candidate = normalIdNumber(context.req.param('candidate'))
    const record = await store.candidates.get(candidate)
    const own = await classes.own(teacher.id)
    if (record === undefined || !own.some((one) => one.class === record.value.class))
      throw new Problem(404, 'not-found', 'There is no such candidate in your classes.')
    await audit.write(teacher, 'form', candidate)
    const [standing, history, lagMs] = await Promise.all([
      forms.read(candidate),
      classes.history(candidate),
      lagOf(store),
    ])
    const { number, name } = record.value
    return context.json({
      candidate,
      number,
      name,
      class: record.value.class,
      form: shownForm(standing),
      history,
      historyComplete: (history[0]?.version ?? 0) >= standing.version,
      lagMs,
    })
  })
  return app
}

function stateAsked(context: RequestContext): ProgressState | undefined {
  const state = context.req.query('state')
  if (state === undefined || state === '') return undefined
  if (PROGRESS_STATES.includes(state as ProgressState)) return state as ProgressState
  throw new Problem(400, 'invalid', `state is one of ${PROGRESS_STATES.join(', ')}.`)
}

function page(context: RequestContext, candidates: readonly CandidateProgress[]): object {
  const offset = whole(context, 'offset', 0, 1_000_000)
  const limit = whole(context, 'limit', LIMIT, LIMIT_MAX)
  return { candidates: candidates.slice(offset, offset + limit), total: candidates.length, offset, limit }
}

function whole(context: RequestContext, name: string, usual: number, max: number): number {
  const text = context.req.query(name)
  if (text === undefined || text === '') return usual
  if (/^\d{1,7}$/.test(text) && Number(text) <= max) return Number(text)
  throw new Problem(400, 'invalid', `${name} must be a whole number up to ${max}.`)
}
