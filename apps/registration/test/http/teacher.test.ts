import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { candidateId, majorCode, majorsOf, schoolCode, teacherLogin } from '../../src/generate/people.ts'
import type { Candidate } from '../../src/store/collections.ts'
import { lagOf } from '../../src/store/landing.ts'
import { candidateToken, openSite } from '../support/site.ts'
import type { Site } from '../support/site.ts'

const choices = [{ school: schoolCode(4), major: majorCode(majorsOf(4)[0] as number) }]

async function saveForms(site: Site, count: number, confirmed: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const token = candidateToken(site, n)
    const headers = { 'if-match': '"0"' }
    const saved = await site.call('PUT', '/api/form', { token, body: { choices }, headers })
    expect([n, saved.status, saved.body]).toMatchObject([n, 200, { state: 'saved' }])
    if (n >= confirmed) continue
    const ifMatch = { 'if-match': `"${saved.body.version}"` }
    const locked = await site.call('POST', '/api/form/confirm', { token, headers: ifMatch })
    expect([n, locked.status, locked.body]).toMatchObject([n, 200, { state: 'confirmed' }])
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

test('a list that was read while people had not landed says how old it is, and is read again in time', async () => {
  const site = await openSite({ people: 60 })
  const token = teacher(site)
  const path = '/api/teacher/classes/33010200101'
  const known = await site.services.store.candidates.get(candidateId(0))
  const database = new DatabaseSync(join(site.folder, 'app.db'))
  onTestFinished(() => database.close())
  // Whoever holds the database locked keeps everything from landing.
  database.exec('BEGIN IMMEDIATE')
  await site.services.store.candidates.put(candidateId(9_000), known?.value as Candidate)
  await expect.poll(() => lagOf(site.services.store), { timeout: 10_000 }).toBeGreaterThan(200)
  const early = (await site.call('GET', path, { token })).body
  expect(early.counts.candidates).toBe(45)
  expect(early.rosterAgeMs).toBeGreaterThan(200)
  database.exec('ROLLBACK')
  await site.landed()
  // Less than 10 s after it was read, but 10 s after what it was read from.
  site.clock.advance(9_850)
  expect((await site.call('GET', path, { token })).body.counts.candidates).toBe(46)
})

test('one form comes with the history of its saves, the newest first', async () => {
  const site = await openSite({ people: 60 })
  await saveForms(site, 1, 1)
  const path = `/api/teacher/candidates/${candidateId(0)}/form`
  await site.landed()
  const { body } = await site.call('GET', path, { token: teacher(site) })
  expect(body.historyComplete).toBe(true)
  expect(body.form).toMatchObject({ state: 'confirmed', choices })
  expect(body.history.map((one: { state: string }) => one.state)).toEqual(['confirmed', 'saved'])
  expect(body.history[0]).toMatchObject({ version: body.form.version, receipt: body.form.receipt })
})

test('every look is in the audit log before it is answered', async () => {
  const site = await openSite({ people: 60 })
  const token = teacher(site)
  const paths = ['classes/33010200101', `candidates/${candidateId(0)}/form`, 'search?idSuffix=1234']
  for (const path of paths) {
    expect((await site.call('GET', `/api/teacher/${path}`, { token })).status).toBe(200)
    // Entries of one millisecond are in no order.
    site.clock.advance(1)
  }
  await site.landed()
  const entries = await site.services.store.sql.all<object>(
    'SELECT person, action, subject FROM audit ORDER BY entry LIMIT 10',
  )
  expect(entries.map((row) => ({ ...row }))).toEqual([
    { person: 't00001', action: 'class', subject: '33010200101' },
    { person: 't00001', action: 'form', subject: candidateId(0) },
    { person: 't00001', action: 'search', subject: '{"name":"","idSuffix":"1234","school":""}' },
  ])
})
