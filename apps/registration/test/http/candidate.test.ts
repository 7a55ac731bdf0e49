import { expect, test } from 'vitest'
import { candidateId, majorCode, majorsOf, schoolCode } from '../../src/generate/people.ts'
import { SCHOOLS, candidateToken, openSite } from '../support/site.ts'
import type { Answer, Site } from '../support/site.ts'

const choice = (school: number, major = 0): { school: string; major: string } => ({
  school: schoolCode(school),
  major: majorCode(majorsOf(school)[major] as number),
})

const save = (site: Site, token: string, choices: unknown, version: number): Promise<Answer> =>
  site.call('PUT', '/api/form', { token, body: { choices }, headers: { 'if-match': `"${version}"` } })

const confirm = (site: Site, token: string, version: number): Promise<Answer> =>
  site.call('POST', '/api/form/confirm', { token, headers: { 'if-match': `"${version}"` } })

test('a form is saved, read, saved again and confirmed, with receipt, time and version', async () => {
  const site = await openSite()
  const token = candidateToken(site, 0)
  const before = await site.call('GET', '/api/form', { token })
  expect(before.body).toEqual({ version: 0, state: 'not-started', choices: [], saves: 0 })
  expect(before.headers.get('etag')).toBe('"0"')
  const first = await save(site, token, [choice(2), choice(1)], 0)
  expect(first.status).toBe(200)
  expect(first.body).toMatchObject({ state: 'saved', saves: 1, choices: [choice(2), choice(1)] })
  const read = await site.call('GET', '/api/form', { token })
  expect(read.body).toEqual(first.body)
  expect(read.headers.get('etag')).toBe(`"${first.body.version}"`)
  const second = await save(site, token, [choice(1), choice(2)], first.body.version)
  expect(second.body).toMatchObject({ saves: 2, choices: [choice(1), choice(2)] })
  expect(second.body.receipt).not.toBe(first.body.receipt)
  const confirmed = await confirm(site, token, second.body.version)
  expect(confirmed.body).toMatchObject({
    state: 'confirmed',
    receipt: second.body.receipt,
    confirmedAt: expect.any(String),
  })
  expect((await site.call('GET', '/api/form', { token })).body).toEqual(confirmed.body)
  expect(site.defects).toEqual([])
})

test('of two tabs that save at once one is told to look again, and sees the other', async () => {
  const site = await openSite()
  const token = candidateToken(site, 0)
  const tabs = await Promise.all([save(site, token, [choice(1)], 0), save(site, token, [choice(2)], 0)])
  const [won, lost] = tabs.sort((a, b) => a.status - b.status) as [Answer, Answer]
  expect([won.status, lost.status, lost.body.code]).toEqual([200, 412, 'version-mismatch'])
  expect(lost.body.form).toEqual(won.body)
})

test('a save says which version it is on, or is refused', async () => {
  const site = await openSite()
  const token = candidateToken(site, 0)
  const none = await site.call('PUT', '/api/form', { token, body: { choices: [choice(1)] } })
  expect([none.status, none.body.code]).toEqual([428, 'if-match-needed'])
  for (const header of ['*', 'W/"0"', '0', '"0", "1"', '"-1"', '"99999999999999999"']) {
    const headers = { 'if-match': header }
    const wrong = await site.call('PUT', '/api/form', { token, body: { choices: [choice(1)] }, headers })
    expect([header, wrong.status]).toEqual([header, 400])
  }
})

test('choices that are not in the catalogue, or come twice, are told with their place', async () => {
  const site = await openSite({ choicesMax: 3 })
  const token = candidateToken(site, 0)
  const given = [choice(1), { school: '99999', major: '0101' }, choice(1)]
  const refused = await save(site, token, given, 0)
  expect([refused.status, refused.body.code]).toEqual([400, 'invalid-choices'])
  expect(refused.body.problems).toMatchObject([
    { index: 1, code: 'unknown-school' },
    { index: 2, code: 'duplicate' },
  ])
  const many = await save(site, token, [choice(1), choice(2), choice(3), choice(4)], 0)
  expect(many.body.problems).toMatchObject([{ index: null, code: 'too-many' }])
})

test('a confirmed form is locked for both tabs', async () => {
  const site = await openSite()
  const token = candidateToken(site, 0)
  expect((await confirm(site, token, 0)).body.code).toBe('nothing-to-confirm')
  const { version } = (await save(site, token, [choice(1)], 0)).body
  const confirmed = (await confirm(site, token, version)).body
  for (const ifVersion of [version, confirmed.version]) {
    const late = await save(site, token, [choice(2)], ifVersion)
    expect([late.status, late.body.code]).toEqual([409, 'form-locked'])
    expect(late.body.form).toEqual(confirmed)
  }
})

test('outside the window nothing is saved, and reading goes on', async () => {
  const site = await openSite()
  const token = candidateToken(site, 0)
  site.clock.advance(2 * 3_600_000 - 60_000)
  const fresh = candidateToken(site, 0)
  const late = await save(site, fresh, [choice(1)], 0)
  expect([late.status, late.body.code]).toEqual([403, 'window-closed'])
  expect(late.body.window).toMatchObject({ closes: expect.any(String) })
  await site.services.settings.setWindow({
    opens: '2099-01-01T00:00:00.000Z',
    closes: '2099-01-02T00:00:00.000Z',
  })
  expect((await save(site, fresh, [choice(1)], 0)).body.code).toBe('window-not-open')
  expect((await site.call('GET', '/api/form', { token: fresh })).status).toBe(200)
  expect(token).not.toBe(fresh)
})

test('after the seal saves are refused in order, also by a server that has not heard of it', async () => {
  const site = await openSite()
  const token = candidateToken(site, 0)
  const { version } = (await save(site, token, [choice(1)], 0)).body
  await site.services.store.forms.seal()
  const late = await save(site, token, [choice(2)], version)
  expect([late.status, late.body.code]).toEqual([409, 'sealed'])
  expect((await site.call('GET', '/api/form', { token })).body).toMatchObject({
    version,
    choices: [choice(1)],
  })
})

test('exam info and person are the own ones, and nobody is anybody without a session', async () => {
  const site = await openSite()
  const token = candidateToken(site, 3)
  const me = await site.call('GET', '/api/me', { token })
  expect(me.body).toMatchObject({ candidate: candidateId(3), class: '33010200101' })
  expect(JSON.stringify(me.body)).not.toContain('code$')
  const exam = await site.call('GET', '/api/exam', { token })
  const sum = exam.body.subjects.reduce((total: number, one: { score: number }) => total + one.score, 0)
  expect(exam.body).toMatchObject({ total: sum, rank: expect.any(Number) })
  for (const path of ['/api/me', '/api/exam', '/api/form', '/api/teacher/classes', '/api/staff/status']) {
    const stranger = await site.call('GET', path)
    expect([path, stranger.status, stranger.body.code]).toEqual([path, 401, 'unauthenticated'])
  }
  expect((await site.call('GET', '/api/teacher/classes', { token })).status).toBe(403)
  expect((await site.call('GET', '/api/staff/status', { token })).status).toBe(403)
})

test('the clock and the catalogue are for everybody', async () => {
  const site = await openSite({ choicesMax: 12 })
  const clock = await site.call('GET', '/api/clock')
  expect(clock.body).toMatchObject({ choicesMax: 12, window: { state: 'open' } })
  const list = await site.call('GET', '/api/catalogue/schools')
  expect(list.body.schools).toHaveLength(SCHOOLS)
  const etag = list.headers.get('etag') as string
  expect(
    (await site.call('GET', '/api/catalogue/schools', { headers: { 'if-none-match': etag } })).status,
  ).toBe(304)
  const school = await site.call('GET', `/api/catalogue/schools/${schoolCode(5)}`)
  expect(school.body.majors).toHaveLength(majorsOf(5).length)
  expect((await site.call('GET', '/api/catalogue/schools/0')).status).toBe(404)
  const several = await site.call('GET', `/api/catalogue/majors?schools=${schoolCode(5)},0,${schoolCode(1)}`)
  expect(several.body.schools).toMatchObject([school.body, { school: schoolCode(1) }])
  for (const query of ['', '?schools=,', `?schools=${Array.from({ length: 101 }, (_, n) => n).join(',')}`])
    expect((await site.call('GET', `/api/catalogue/majors${query}`)).status).toBe(400)
  expect((await site.call('GET', '/api/nothing')).body.code).toBe('not-found')
  expect((await site.call('GET', '/livez')).status).toBe(200)
  expect((await site.call('GET', '/readyz')).status).toBe(200)
})

test('a page of one candidate cannot act in the session of the next', async () => {
  const site = await openSite()
  const token = candidateToken(site, 0)
  const stranger = { 'x-candidate': candidateId(1), 'if-match': '"0"' }
  for (const [method, path, body] of [
    ['GET', '/api/form', undefined],
    ['PUT', '/api/form', { choices: [choice(1)] }],
    ['POST', '/api/form/confirm', undefined],
  ] as const) {
    const answer = await site.call(method, path, { token, headers: stranger, ...(body ? { body } : {}) })
    expect([path, answer.status, answer.body.code]).toEqual([path, 401, 'unauthenticated'])
  }
  const own = { 'x-candidate': candidateId(0) }
  expect((await site.call('GET', '/api/form', { token, headers: own })).body.state).toBe('not-started')
})
