import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { generateFiles } from '../../src/generate/files.ts'
import { candidateId } from '../../src/generate/people.ts'
import { keysOf } from '../../src/people/keys.ts'
import type { ImportProgress } from '../../src/import/import-run.ts'
import { writtenLanded } from '../../src/store/landing.ts'
import { openStore } from '../../src/store/store.ts'
import { openSite, temporaryFolder } from '../support/site.ts'

/** What is read in the background, on a machine that does other things as well. */
const SOON = { timeout: 15_000 }
const HEADER = 'id_number,number,name,high_school,class\n'
const line = (n: number, name = '王伟'): string =>
  `${candidateId(n)},26330102000000,${name},上城第1中学,33010200101\n`

test('rejected lines are told with number, reason and text; the others go in', async () => {
  const site = await openSite({ people: 0 })
  const path = join(site.folder, 'candidates.csv')
  const lines = [
    `\uFEFF${HEADER}`,
    line(0),
    line(0),
    '\r\n',
    `"${candidateId(1)}","26330102000001","A ""quoted"", name",B,C1\r\n`,
    `"bro"ken,1,2,3,4\n`,
    line(2).replace('26330102000000', '123'),
    `${candidateId(3)},26330102000003,,B,C1\n`,
    'too,few\n',
    line(4).replace('王伟', '\u0000'),
    line(5).trimEnd(),
  ]
  await writeFile(path, lines.join(''))
  const report = await site.services.imports.run('candidates', path)
  expect(report).toMatchObject({ lines: 9, written: 3, unchanged: 0, rejected: 6 })
  const rejected = (await readFile(report.rejectedFile, 'utf8')).trim().split('\n').slice(1)
  expect(rejected.map((text) => Number(text.split(',')[0]))).toEqual([3, 6, 7, 8, 9, 10])
  expect(rejected[0]).toContain('twice')
  expect(rejected[1]).toContain('no CSV')
  const quoted = await site.services.store.candidates.get(candidateId(1))
  expect(quoted?.value.name).toBe('A "quoted", name')
})

test('a file that is not of the kind, empty or not UTF-8 changes nothing', async () => {
  const site = await openSite({ people: 0 })
  const path = join(site.folder, 'x.csv')
  for (const text of ['', 'a,b\n1,2\n', `${HEADER.trim()},extra\n`]) {
    await writeFile(path, text)
    await expect(site.services.imports.run('candidates', path)).rejects.toThrow('the first line must name')
  }
  // As a program of another time writes a name: GBK.
  const [before, after] = line(0).split('王伟') as [string, string]
  await writeFile(
    path,
    Buffer.concat([Buffer.from(HEADER + before), Buffer.from([0xcd, 0xf5, 0xce, 0xb0]), Buffer.from(after)]),
  )
  expect(await site.services.imports.run('candidates', path)).toMatchObject({ rejected: 1, written: 0 })
})

test('the same file twice changes nothing, and another one only what differs', async () => {
  const site = await openSite({ people: 0 })
  const path = join(site.folder, 'candidates.csv')
  await writeFile(path, HEADER + Array.from({ length: 2_500 }, (_, n) => line(n)).join(''))
  expect(await site.services.imports.run('candidates', path)).toMatchObject({ written: 2_500, unchanged: 0 })
  const first = await site.services.store.candidates.get(candidateId(7))
  expect(await site.services.imports.run('candidates', path)).toMatchObject({ written: 0, unchanged: 2_500 })
  expect(await site.services.store.candidates.get(candidateId(7))).toEqual(first)
  await appendFile(path, line(2_500) + line(2_501))
  const other = join(site.folder, 'corrected.csv')
  await writeFile(other, (await readFile(path, 'utf8')).replace(line(7), line(7, '李娜')))
  expect(await site.services.imports.run('candidates', other)).toMatchObject({ written: 3, unchanged: 2_499 })
  expect((await site.services.store.candidates.get(candidateId(7)))?.value.name).toBe('李娜')
})

test('a catalogue counts as soon as its import is done', async () => {
  const site = await openSite({ people: 0 })
  const before = await site.call('GET', '/api/catalogue/schools')
  expect(before.body.schools).toEqual([])
  const [schools, majors] = await generateFiles({
    people: 1,
    folder: join(site.folder, 'generated'),
    codeKey: site.keys.oneTimeCode,
    readySecrets: false,
    schools: 3,
  })
  await site.services.imports.run(...(schools as ['schools', string]))
  await site.services.imports.run(...(majors as ['majors', string]))
  expect(await site.services.imports.run(...(majors as ['majors', string]))).toMatchObject({ written: 0 })
  await expect
    .poll(async () => (await site.call('GET', '/api/catalogue/schools')).body.schools[0]?.majors, SOON)
    .toBeGreaterThan(9)
})

test('progress tells lines, rate and what is left', async () => {
  const site = await openSite({ people: 0 })
  const path = join(site.folder, 'candidates.csv')
  await writeFile(path, HEADER + Array.from({ length: 12_000 }, (_, n) => line(n)).join(''))
  const told: ImportProgress[] = []
  await site.services.imports.run('candidates', path, (progress) => told.push(progress))
  expect(told.length).toBeGreaterThan(0)
  expect(told[0]).toEqual({
    lines: expect.any(Number),
    linesPerSecond: expect.any(Number),
    etaSeconds: expect.any(Number),
  })
})

const PEOPLE = 25_000
const KILLED = fileURLToPath(new URL('./killed-import-child.ts', import.meta.url))
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

test('an import killed in the middle goes on after its checkpoint and ends with every row once', async () => {
  const folder = await temporaryFolder()
  const secret = Buffer.alloc(32, 9)
  await writeFile(join(folder, 'secret.key'), `${secret.toString('hex')}\n`)
  const files = await generateFiles({
    people: PEOPLE,
    folder: join(folder, 'generated'),
    codeKey: keysOf(secret).oneTimeCode,
    readySecrets: true,
  })
  const [, path] = files.find(([kind]) => kind === 'candidates') as ['candidates', string]
  // A bad line near the start and one near the end: each must be told once.
  const text = (await readFile(path, 'utf8')).split('\n')
  text[10] = 'nonsense'
  text[PEOPLE - 10] = 'more nonsense'
  await writeFile(path, text.join('\n'))
  const args = [
    '--conditions=spillway-source',
    MAIN,
    'import',
    'candidates',
    path,
    '--data',
    folder,
    '--json',
  ]

  const killed = spawn('node', ['--conditions=spillway-source', KILLED, path, folder, '15000'], {
    stdio: 'inherit',
  })
  expect((await once(killed, 'exit'))[1]).toBe('SIGKILL')

  const resumed = spawn('node', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  resumed.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const [code] = (await once(resumed, 'close')) as [number]
  expect(code).toBe(0)
  const report = JSON.parse(out)
  expect(report.resumedAfter).toBe(10_000)
  expect(report).toMatchObject({ lines: PEOPLE, written: PEOPLE - 2, rejected: 2 })
  const rejected = (await readFile(report.rejectedFile, 'utf8')).trim().split('\n')
  expect(rejected.map((one) => one.split(',')[0])).toEqual(['line', '11', String(PEOPLE - 9)])
  const store = await openStore({
    front: 'memory:',
    journal: `sqlite:${join(folder, 'journal.db')}`,
    database: `sqlite:${join(folder, 'app.db')}`,
  })
  expect(await writtenLanded(store, systemClock, 30_000)).toBe(true)
  const [counted] = await store.sql.all<{ n: number }>('SELECT count(*) AS n FROM candidate LIMIT 1')
  await store.close()
  expect(counted?.n).toBe(PEOPLE - 2)
}, 60_000)
