import { expect, test } from 'vitest'
import { candidateId } from '../../src/generate/people.ts'
import { codeOf, openSite } from '../support/site.ts'
import type { Answer, Site } from '../support/site.ts'

const candidate = { role: 'candidate', id: candidateId(0) } as const

const signIn = (site: Site, body: object, address = '10.0.0.1'): Promise<Answer> =>
  site.call('POST', '/api/session', { body, headers: { 'x-forwarded-for': address } })

test('a one-time code asks for a password, opens once, and then the password opens', async () => {
  const site = await openSite()
  const password = codeOf(site, candidate)
  const first = await signIn(site, { id: candidate.id, password })
  expect([first.status, first.body.code]).toEqual([403, 'new-password-needed'])
  const weak = await signIn(site, { id: candidate.id, password, newPassword: '12345678' })
  expect([weak.status, weak.body.code]).toEqual([400, 'weak-password'])
  const made = await signIn(site, { id: candidate.id, password, newPassword: 'my own word' })
  expect(made.status).toBe(200)
  expect(made.body).toMatchObject({ role: 'candidate', id: candidate.id, name: expect.any(String) })
  const again = await signIn(site, { id: candidate.id, password, newPassword: 'another word' })
  expect([again.status, again.body.code]).toEqual([401, 'wrong-credentials'])
  expect((await signIn(site, { id: candidate.id, password: 'my own word' })).status).toBe(200)
  const session = await site.call('GET', '/api/session', { token: made.body.token })
  expect(session.body).toMatchObject({ role: 'candidate', id: candidate.id })
})

test('of two who use the same code at once one gets in', async () => {
  const site = await openSite()
  const password = codeOf(site, candidate)
  const both = await Promise.all(
    ['word of one', 'word of two'].map((newPassword) =>
      signIn(site, { id: candidate.id, password, newPassword }),
    ),
  )
  expect(both.map((answer) => answer.status).sort()).toEqual([200, 401])
})

test('the cookie is for the server alone, and signing out ends every session', async () => {
  const site = await openSite()
  const body = { id: candidate.id, password: codeOf(site, candidate), newPassword: 'my own word' }
  const cookie = (await signIn(site, body)).headers.get('set-cookie') as string
  expect(cookie).toMatch(/HttpOnly/)
  expect(cookie).toMatch(/SameSite=Strict/)
  const other = (await signIn(site, { id: candidate.id, password: 'my own word' })).body.token as string
  const headers = { cookie: cookie.split(';')[0] as string }
  expect((await site.call('GET', '/api/me', { headers })).status).toBe(200)
  expect((await site.call('DELETE', '/api/session', { headers })).status).toBe(204)
  expect((await site.call('GET', '/api/me', { headers })).status).toBe(401)
  expect((await site.call('GET', '/api/me', { token: other })).status).toBe(401)
  expect((await signIn(site, { id: candidate.id, password: 'my own word' })).status).toBe(200)
})

test('a mistyped ID number is told apart; who exists is not', async () => {
  const site = await openSite()
  const mistyped = await signIn(site, { id: '330102200809010003', password: 'x' })
  expect([mistyped.status, mistyped.body.code]).toEqual([400, 'invalid-id-number'])
  const unknown = await signIn(site, { id: candidateId(4_000), password: 'wrong word' })
  const known = await signIn(site, { id: candidate.id, password: 'wrong word' })
  expect(unknown.body).toEqual(known.body)
  expect(unknown.status).toBe(401)
})

test('guessing is limited per candidate and per address, and says how long to wait', async () => {
  const site = await openSite({ guessLimits: { perPerson: 3, perAddress: 5, spanMs: 600_000 } })
  const guess = (n: number, address: string): Promise<Answer> =>
    signIn(site, { id: candidateId(n), password: 'wrong' }, address)
  for (let tried = 0; tried < 3; tried += 1) expect((await guess(1, '10.0.0.9')).status).toBe(401)
  const stopped = await guess(1, '10.0.0.8')
  expect([stopped.status, stopped.body.code]).toEqual([429, 'too-many-attempts'])
  expect(Number(stopped.headers.get('retry-after'))).toBeGreaterThan(300)
  for (const n of [2, 3]) expect((await guess(n, '10.0.0.9')).status).toBe(401)
  expect((await guess(4, '10.0.0.9')).status).toBe(429)
  expect((await guess(4, '10.0.0.7')).status).toBe(401)
  site.clock.advance(600_000)
  expect((await guess(1, '10.0.0.9')).status).toBe(401)
})

test('a reset ends the sessions and the old password', async () => {
  const site = await openSite()
  const body = { id: candidate.id, password: codeOf(site, candidate), newPassword: 'my own word' }
  const { token } = (await signIn(site, body)).body
  const code = await site.services.signIn.reset(candidate)
  expect((await site.call('GET', '/api/me', { token })).status).toBe(401)
  expect((await signIn(site, { id: candidate.id, password: 'my own word' })).status).toBe(401)
  expect(
    (await signIn(site, { id: candidate.id, password: body.password, newPassword: 'old code' })).status,
  ).toBe(401)
  expect((await signIn(site, { id: candidate.id, password: code, newPassword: 'new word' })).status).toBe(200)
})

test('what is no sign-in is refused before anything is tried', async () => {
  const site = await openSite({ people: 0 })
  for (const body of [{}, { id: 1, password: 'x' }, { id: 'x' }, { role: 'king', id: 'x', password: 'y' }])
    expect((await signIn(site, body)).status).toBe(400)
  const form = await site.call('POST', '/api/session', {
    body: 'a=b',
    headers: { 'content-type': 'text/plain' },
  })
  expect([form.status, form.body.code]).toEqual([415, 'unsupported-media-type'])
  const foreign = await site.call('POST', '/api/session', {
    body: {},
    headers: { origin: 'https://evil.example' },
  })
  expect([foreign.status, foreign.body.code]).toEqual([403, 'forbidden'])
  const large = await site.call('POST', '/api/session', { body: { id: 'x'.repeat(70_000) } })
  expect([large.status, large.body.code]).toEqual([413, 'too-large'])
})
