import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { candidateId, majorCode, majorsOf, schoolCode } from '../../src/generate/people.ts'
import { candidateToken, codeOf, openSite } from '../support/site.ts'
import type { Answer, Site } from '../support/site.ts'

const choices = [{ school: schoolCode(4), major: majorCode(majorsOf(4)[0] as number) }]

/** As the command line makes the first member of staff. */
async function staffToken(site: Site): Promise<string> {
  const password = await site.services.signIn.reset({ role: 'staff', id: 'admin' }, 'created')
  const body = { role: 'staff', id: 'admin', password, newPassword: 'staff word' }
  return (await site.call('POST', '/api/session', { body })).body.token as string
}

const save = (site: Site, n: number, version = 0): Promise<Answer> =>
  site.call('PUT', '/api/form', {
    token: candidateToken(site, n),
    body: { choices },
    headers: { 'if-match': `"${version}"` },
  })

test('the window moves, and closes for good with an export and its proof', async () => {
  const site = await openSite()
  const token = await staffToken(site)
  const body = { opens: '2026-01-01T00:00:00+08:00', closes: '2099-01-01T00:00:00+08:00' }
  const moved = await site.call('PUT', '/api/staff/window', { token, body })
  expect(moved.body).toEqual({
    opens: '2025-12-31T16:00:00.000Z',
    closes: '2098-12-31T16:00:00.000Z',
    state: 'open',
  })
  const early = await site.call('POST', '/api/staff/exports', { token })
  expect([early.status, early.body.code]).toEqual([409, 'not-sealed'])
  for (const n of [0, 1, 2]) expect((await save(site, n)).status).toBe(200)
  const closed = await site.call('POST', '/api/staff/close', { token })
  expect(closed.body).toMatchObject({ sealed: true, positions: expect.any(Array) })
  expect((await site.call('POST', '/api/staff/close', { token })).body).toEqual(closed.body)
  expect((await save(site, 3)).body.code).toBe('sealed')
  expect((await site.call('PUT', '/api/staff/window', { token, body })).status).toBe(409)
  expect((await site.call('GET', '/api/clock')).body.window.state).toBe('sealed')
  const { body: exported } = await site.call('POST', '/api/staff/exports', { token })
  expect(exported.proof).toMatchObject({ rows: { all: 3, saved: 3, confirmed: 0 }, choices: 3 })
  const file = await site.call('GET', `/api/staff/exports/${exported.export}/forms.csv`, { token })
  expect(file.body.split('\n')).toHaveLength(5)
  expect(file.body).toContain(`${candidateId(0)},saved,`)
  expect(
    (await site.call('GET', `/api/staff/exports/${exported.export}/../secret.key`, { token })).status,
  ).toBe(404)
})

test('a reset makes a code for people who are there, and for no others', async () => {
  const site = await openSite()
  const token = await staffToken(site)
  const before = candidateToken(site, 0)
  const body = { role: 'candidate', id: candidateId(0) }
  const reset = await site.call('POST', '/api/staff/passwords', { token, body })
  expect(reset.body.oneTimeCode).toMatch(/^[0-9A-Z]{12}$/)
  expect(reset.body.oneTimeCode).not.toBe(codeOf(site, { role: 'candidate', id: candidateId(0) }))
  expect((await site.call('GET', '/api/me', { token: before })).status).toBe(401)
  for (const id of [candidateId(5_000), 'nobody']) {
    const unknown = await site.call('POST', '/api/staff/passwords', {
      token,
      body: { role: 'candidate', id },
    })
    expect(unknown.status).toBe(404)
  }
})

test('an import over HTTP reports, and its rejected lines can be fetched', async () => {
  const site = await openSite()
  const token = await staffToken(site)
  const csv = 'id_number,number,name,high_school,class\n330102200809010003,26330102000000,A,B,C\n'
  const answer = await site.call('POST', '/api/staff/imports/candidates', {
    token,
    body: csv,
    headers: { 'content-type': 'text/csv' },
  })
  const { report } = JSON.parse((answer.body as string).trim().split('\n').at(-1) as string)
  expect(report).toMatchObject({ lines: 1, written: 0, rejected: 1 })
  const rejected = await site.call('GET', `/api/staff/imports/candidates/${report.digest}/rejected`, {
    token,
  })
  expect(rejected.body).toContain('2,"The check digit')
  expect(await readFile(report.rejectedFile, 'utf8')).toBe(rejected.body)
  const wrong = await site.call('POST', '/api/staff/imports/kings', { token, body: csv })
  expect(wrong.status).toBe(404)
})

test('the status counts what is in the tables', async () => {
  const site = await openSite()
  const token = await staffToken(site)
  expect((await save(site, 0)).status).toBe(200)
  await site.landed()
  const { counts } = (await site.call('GET', '/api/staff/status', { token })).body
  expect(counts).toEqual({ candidates: 60, forms: 1, confirmed: 0 })
})
