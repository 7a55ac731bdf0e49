import { expect, test } from 'vitest'
import { candidateId, majorCode, majorsOf, schoolCode, teacherLogin } from '../../src/generate/people.ts'
import { candidateToken, openSite } from '../support/site.ts'
import type { Site } from '../support/site.ts'

const choices = [{ school: schoolCode(4), major: majorCode(majorsOf(4)[0] as number) }]

async function saveForms(site: Site, count: number, confirmed: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const token = candidateToken(site, n)
    const headers = { 'if-match': '"0"' }
    const { version } = (await site.call('PUT', '/api/form', { token, body: { choices }, headers })).body
    if (n >= confirmed) continue
    await site.call('POST', '/api/form/confirm', { token, headers: { 'if-match': `"${version}"` } })
  }
}

const teacher = (site: Site, n = 0): string => site.token({ role: 'teacher', id: teacherLogin(n) })

test('own classes are counted and paged, exact to the last save', async () => {
  const site = await openSite({ people: 200 })
  await saveForms(site, 5, 2)
  const token = teacher(site)
  const { classes } = (await site.call('GET', '/api/teacher/classes', { token })).body
  expect(classes).toMatchObject([
    { class: '33010200101', candidates: 45, notStarted: 40, saved: 3, confirmed: 2 },
    { class: '33010200102', candidates: 45, notStarted: 45 },
  ])
  const path = '/api/teacher/classes/33010200101'
  const page = (await site.call('GET', `${path}?state=confirmed&limit=1&offset=1`, { token })).body
  expect(page).toMatchObject({ total: 2, offset: 1, limit: 1, counts: { candidates: 45, confirmed: 2 } })
  expect(page.candidates).toMatchObject([{ state: 'confirmed', choices: 1, savedAt: expect.any(String) }])
  expect((await site.call('GET', `${path}?limit=201`, { token })).status).toBe(400)
  expect((await site.call('GET', `${path}?state=lost`, { token })).status).toBe(400)
})

test('classes and candidates of others are not there', async () => {
  const site = await openSite({ people: 200 })
  const other = teacher(site, 1)
  for (const path of ['classes/33010200101', `candidates/${candidateId(0)}/form`, 'candidates/nobody/form']) {
    const answer = await site.call('GET', `/api/teacher/${path}`, { token: other })
    expect([path, answer.status]).toEqual([path, 404])
  }
  const found = await site.call('GET', `/api/teacher/search?idSuffix=${candidateId(0).slice(-6)}`, {
    token: other,
  })
  expect(found.body.candidates.map((one: { candidate: string }) => one.candidate)).not.toContain(
    candidateId(0),
  )
})

test('search is by name, end of the ID number and chosen school', async () => {
  const site = await openSite({ people: 200 })
  await saveForms(site, 3, 0)
  const token = teacher(site)
  const search = async (query: string): Promise<string[]> =>
    (await site.call('GET', `/api/teacher/search?${query}`, { token })).body.candidates.map(
      (one: { candidate: string }) => one.candidate,
    )
  const wanted = [0, 1, 2].map(candidateId)
  expect((await search(`school=${schoolCode(4)}`)).sort()).toEqual([...wanted].sort())
  expect(await search(`school=${schoolCode(5)}`)).toEqual([])
  expect(await search(`idSuffix=${candidateId(1).slice(-8)}`)).toContain(candidateId(1))
  const { name } = (await site.call('GET', '/api/me', { token: candidateToken(site, 7) })).body
  expect(await search(`name=${encodeURIComponent(name)}`)).toContain(candidateId(7))
  expect((await site.call('GET', '/api/teacher/search', { token })).status).toBe(400)
  expect((await site.call('GET', '/api/teacher/search?idSuffix=1', { token })).status).toBe(400)
})

test('one form comes with the history of its saves, the newest first', async () => {
  const site = await openSite({ people: 60 })
  await saveForms(site, 1, 1)
  await site.services.store.tier
    .records('form')
    .put('settled', {
      state: 'saved',
      choices: [],
      saves: 1,
      receipt: 'x',
      savedAt: '2026-01-01T00:00:00.000Z',
    })
    .then((receipt) => receipt.landed())
  const path = `/api/teacher/candidates/${candidateId(0)}/form`
  await expect
    .poll(async () => (await site.call('GET', path, { token: teacher(site) })).body.historyComplete)
    .toBe(true)
  const { body } = await site.call('GET', path, { token: teacher(site) })
  expect(body.form).toMatchObject({ state: 'confirmed', choices })
  expect(body.history.map((one: { state: string }) => one.state)).toEqual(['confirmed', 'saved'])
  expect(body.history[0]).toMatchObject({ version: body.form.version, receipt: body.form.receipt })
})

test('every look is in the audit log before it is answered', async () => {
  const site = await openSite({ people: 60 })
  const token = teacher(site)
  await site.call('GET', '/api/teacher/classes/33010200101', { token })
  await site.call('GET', `/api/teacher/candidates/${candidateId(0)}/form`, { token })
  await site.call('GET', '/api/teacher/search?idSuffix=1234', { token })
  const entries = async (): Promise<unknown[]> =>
    site.services.store.sql.all('SELECT person, action, subject FROM audit ORDER BY entry LIMIT 10')
  await expect.poll(async () => (await entries()).length).toBe(3)
  expect((await entries()).map((row) => ({ ...(row as object) }))).toEqual([
    { person: 't00001', action: 'class', subject: '33010200101' },
    { person: 't00001', action: 'form', subject: candidateId(0) },
    { person: 't00001', action: 'search', subject: '{"name":"","idSuffix":"1234","school":""}' },
  ])
})
