import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { candidateId, majorCode, majorsOf, schoolCode } from '../../src/generate/people.ts'
import { candidateToken, openSite } from '../support/site.ts'

const CHECKER = fileURLToPath(new URL('../../checker/check.ts', import.meta.url))
const PEOPLE = 12

interface Season {
  readonly database: string
  readonly history: string
  readonly exported: string
  readonly secret: string
}

interface Judged {
  readonly code: number
  readonly verdict: {
    ok: boolean
    told: number
    first: { rule: string; candidate: string; detail: string }[]
  }
}

const choice = (n: number): { school: string; major: string } => ({
  school: schoolCode(n),
  major: majorCode(majorsOf(n)[0] as number),
})

/** Some candidates save, read and confirm; then the window is closed and the forms are exported. */
async function playSeason(): Promise<Season> {
  const site = await openSite({ people: PEOPLE })
  const lines: object[] = []
  for (let n = 0; n < PEOPLE; n += 1) {
    const candidate = candidateId(n)
    const token = candidateToken(site, n)
    let version = 0
    for (let save = 0; save <= n % 3; save += 1) {
      const choices = [choice(n + save), choice(n + save + 1)]
      const headers = { 'if-match': `"${version}"` }
      const { status, body } = await site.call('PUT', '/api/form', { token, body: { choices }, headers })
      expect([candidate, status]).toEqual([candidate, 200])
      version = body.version
      const { receipt, savedAt } = body
      lines.push({ kind: 'save', candidate, choices, outcome: 'saved', version, receipt, savedAt })
    }
    lines.push({ kind: 'read', candidate, version })
    if (n % 4 > 0) continue
    const headers = { 'if-match': `"${version}"` }
    const { status, body } = await site.call('POST', '/api/form/confirm', { token, headers })
    expect([candidate, status]).toEqual([candidate, 200])
    const { receipt, savedAt, confirmedAt } = body
    lines.push({
      kind: 'confirm',
      candidate,
      outcome: 'saved',
      version: body.version,
      receipt,
      savedAt,
      confirmedAt,
    })
  }
  await site.services.closing.close()
  const exported = join(site.folder, 'export')
  await site.services.exports.run({ folder: exported })
  await site.services.store.close()
  const history = join(site.folder, 'history.jsonl')
  await writeFile(history, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const secret = join(site.folder, 'secret.key')
  await writeFile(secret, Buffer.alloc(32, 7).toString('hex'))
  return { database: join(site.folder, 'app.db'), history, exported, secret }
}

function judge(season: Season, parts: readonly ('history' | 'export' | 'secret')[]): Promise<Judged> {
  const args = [CHECKER, '--database', `sqlite:${season.database}`]
  if (parts.includes('history')) args.push('--history', season.history)
  if (parts.includes('export')) args.push('--export', season.exported)
  if (parts.includes('secret')) args.push('--secret-file', season.secret)
  return new Promise((resolve) => {
    execFile('node', args, (error, stdout) => {
      resolve({ code: error === null ? 0 : (error.code as number), verdict: JSON.parse(stdout) })
    })
  })
}

function tamper(season: Season, ...statements: readonly string[]): void {
  const database = new DatabaseSync(season.database)
  for (const statement of statements) {
    const { changes } = database.prepare(statement).run()
    expect([statement, Number(changes)]).toEqual([statement, 1])
  }
  database.close()
}

const ALL = ['history', 'export', 'secret'] as const
const one = candidateId(5)
const other = JSON.stringify([choice(200)])
const newest = `candidate = '${one}' AND spillway_version = (SELECT max(spillway_version) FROM form_history WHERE candidate = '${one}')`

test('a season without faults is found to be one', async () => {
  const { code, verdict } = await judge(await playSeason(), ALL)
  expect(verdict.first).toEqual([])
  expect([code, verdict.ok]).toEqual([0, true])
  expect(verdict.told).toBe(27)
})

const tampered: [string, string[], readonly ('history' | 'export' | 'secret')[], string][] = [
  ['choices of a form', [`UPDATE form SET choices = '${other}' WHERE candidate = '${one}'`], [], 'standing'],
  [
    'choices of a form and of its history',
    [
      `UPDATE form SET choices = '${other}' WHERE candidate = '${one}'`,
      `UPDATE form_history SET choices = '${other}' WHERE ${newest}`,
    ],
    ['history'],
    'told',
  ],
  [
    'the same, where only the receipts are known',
    [
      `UPDATE form SET choices = '${other}' WHERE candidate = '${one}'`,
      `UPDATE form_history SET choices = '${other}' WHERE ${newest}`,
    ],
    ['secret'],
    'receipts',
  ],
  ['a form that is gone', [`DELETE FROM form WHERE candidate = '${one}'`], [], 'standing'],
  [
    'the newest save gone from form and history',
    [`DELETE FROM form_history WHERE ${newest}`],
    ['history'],
    'told',
  ],
  [
    'a time that moved',
    [`UPDATE form SET saved_at = '2026-01-01 00:00:00.000000' WHERE candidate = '${one}'`],
    ['export'],
    'export',
  ],
]

test.each(tampered)('tampered is found: %s', async (_what, statements, parts, rule) => {
  const season = await playSeason()
  tamper(season, ...statements)
  const { code, verdict } = await judge(season, parts)
  expect(code).toBe(6)
  expect(verdict.first.map((problem) => problem.rule)).toContain(rule)
})

test('a row that nobody asked for is found', async () => {
  const season = await playSeason()
  const lines = (await readFile(season.history, 'utf8')).trim().split('\n')
  const without = lines.filter((line) => {
    const answer = JSON.parse(line) as { candidate: string; kind: string }
    return answer.candidate !== one || answer.kind === 'read'
  })
  await writeFile(season.history, `${without.join('\n')}\n`)
  const { code, verdict } = await judge(season, ['history'])
  expect(code).toBe(6)
  expect(verdict.first.map((problem) => problem.rule)).toContain('unasked')
})

test('a changed byte of the export is found', async () => {
  const season = await playSeason()
  const path = join(season.exported, 'forms.csv')
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace(one, candidateId(9_999)))
  const { code, verdict } = await judge(season, ['export'])
  expect(code).toBe(6)
  expect(verdict.first.map((problem) => problem.detail).join('\n')).toContain('SHA-256')
})

test('an answer that went back is found', async () => {
  const season = await playSeason()
  const stale = JSON.stringify({ kind: 'read', candidate: one, version: 0 })
  await writeFile(season.history, `${await readFile(season.history, 'utf8')}${stale}\n`)
  const { code, verdict } = await judge(season, ['history'])
  expect(code).toBe(6)
  expect(verdict.first.map((problem) => problem.rule)).toEqual(['reads'])
})
