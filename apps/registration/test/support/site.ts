/** A whole site for a test: embedded stores in a folder of their own, filled, served over real HTTP. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { generateFiles } from '../../src/generate/files.ts'
import { candidateId, generatedCode } from '../../src/generate/people.ts'
import type { Person } from '../../src/domain/person.ts'
import { keysOf } from '../../src/people/keys.ts'
import type { Keys } from '../../src/people/keys.ts'
import { makeApp } from '../../src/server/app.ts'
import { listen } from '../../src/server/listen.ts'
import { StaticFiles } from '../../src/server/static-files.ts'
import { makeServices } from '../../src/services.ts'
import type { ServiceOptions, Services } from '../../src/services.ts'
import { writtenLanded } from '../../src/store/landing.ts'
import { openStore } from '../../src/store/store.ts'
import { credentialKey } from '../../src/people/sign-in.ts'

/** Fast on purpose: how slow it is in earnest is a setting. */
const CHEAP = { n: 1_024, r: 8, p: 1 }
/** Few, so that a site is there at once. */
export const SCHOOLS = 20
const SECRET = Buffer.alloc(32, 7)
const LANDED_MS = 15_000

export type Cleanup = (end: () => Promise<void>) => void

export async function temporaryFolder(cleanup: Cleanup = onTestFinished): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'registration-test-'))
  cleanup(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export class TestClock {
  #aheadMs = 0
  now(): number {
    return Date.now() + this.#aheadMs
  }
  advance(ms: number): void {
    this.#aheadMs += ms
  }
}

export interface Site {
  readonly url: string
  readonly folder: string
  readonly services: Services
  readonly keys: Keys
  readonly clock: TestClock
  readonly defects: unknown[]
  /** A session that needed no sign-in. */
  token(person: Person, epoch?: number): string
  call(method: string, path: string, options?: CallOptions): Promise<Answer>
  /** Resolves when all that was written is in the tables: what reads them by SQL comes after it. */
  landed(): Promise<void>
}

export interface CallOptions {
  readonly token?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every form
  readonly body: any
}

export async function openSite(
  options: { readonly people?: number; readonly cleanup?: Cleanup } & Partial<ServiceOptions> = {},
): Promise<Site> {
  const { people = 60, cleanup = onTestFinished, ...more } = options
  const folder = await temporaryFolder(cleanup)
  const store = await openStore({
    front: 'memory:',
    journal: `sqlite:${join(folder, 'journal.db')}`,
    database: `sqlite:${join(folder, 'app.db')}`,
    partitions: 4,
  })
  cleanup(async () => void (await store.close()))
  const clock = new TestClock()
  const services = makeServices({ store, secret: SECRET, folder, clock, cost: CHEAP, ...more })
  const keys = keysOf(SECRET)
  const landed = async (): Promise<void> => {
    expect(await writtenLanded(store, clock, LANDED_MS), 'all that was written has landed').toBe(true)
  }
  if (people > 0) {
    await fill(services, keys, folder, people)
    await landed()
  }
  const defects: unknown[] = []
  const app = makeApp(services, await StaticFiles.of(join(folder, 'no-pages')), (error) =>
    defects.push(error),
  )
  const listening = await listen(app, { host: '127.0.0.1', port: 0, trustProxy: true })
  cleanup(() => listening.close())
  return {
    url: listening.url,
    folder,
    services,
    keys,
    clock,
    defects,
    token: (person, epoch = 0) => services.tokens.make(person, epoch, clock.now()).token,
    call: (method, path, call = {}) => callHttp(listening.url, method, path, call),
    landed,
  }
}

export function codeOf(site: Site, person: Person): string {
  return generatedCode(site.keys.oneTimeCode, credentialKey(person))
}

export function candidateToken(site: Site, n: number): string {
  return site.token({ role: 'candidate', id: candidateId(n) })
}

async function fill(services: Services, keys: Keys, folder: string, people: number): Promise<void> {
  const files = await generateFiles({
    people,
    folder: join(folder, 'generated'),
    codeKey: keys.oneTimeCode,
    readySecrets: false,
    schools: SCHOOLS,
  })
  for (const [kind, path] of files) await services.imports.run(kind, path)
  const nowMs = services.clock.now()
  await services.settings.setWindow({
    opens: new Date(nowMs - 3_600_000).toISOString(),
    closes: new Date(nowMs + 3_600_000).toISOString(),
  })
}

async function callHttp(url: string, method: string, path: string, options: CallOptions): Promise<Answer> {
  const { token, body, headers } = options
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: text }),
  })
  const type = response.headers.get('content-type') ?? ''
  const answer = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: /json/.test(type) && !/ndjson/.test(type) ? JSON.parse(answer) : answer,
  }
}
