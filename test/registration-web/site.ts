/** The application with generated people as a process of its own, and a Chromium that looks at its pages. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest'
import { candidateId, generatedCode, teacherLogin } from '../../apps/registration/src/generate/people.ts'
import { keysOf, secretFromFile } from '../../apps/registration/src/people/keys.ts'
import type { Keys } from '../../apps/registration/src/people/keys.ts'
import { SessionTokens } from '../../apps/registration/src/people/session-token.ts'
import { WatchedBrowser } from '../../apps/registration/test/web/browser.ts'
import { repoRoot } from '../../scripts/repo.ts'
import { programOf } from '../../scripts/services/tools.ts'

export interface Window {
  readonly opens: string
  readonly closes: string
}

export interface Account {
  readonly id: string
  readonly code: string
}

const PEOPLE = 120
const START_MS = 60_000
const PASSWORD = 'correct horse 4'

export class Site {
  readonly url: string
  readonly folder: string
  readonly browser: WatchedBrowser
  readonly #child: ChildProcess
  readonly #staffCode: string
  #staffToken: string | undefined

  private constructor(
    url: string,
    folder: string,
    browser: WatchedBrowser,
    child: ChildProcess,
    said: string,
  ) {
    this.url = url
    this.folder = folder
    this.browser = browser
    this.#child = child
    this.#staffCode = /login admin, one-time code (\w+)/.exec(said)?.[1] ?? ''
  }

  static async start(): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), 'registration-web-'))
    const child = spawn(
      process.execPath,
      ['--conditions=spillway-source', 'apps/registration/src/main.ts']
        .concat('--data', folder, '--port', '0')
        .concat('--people', String(PEOPLE)),
      { cwd: repoRoot, stdio: ['ignore', 'pipe', 'pipe'] },
    )
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const url = await new Promise<string>((resolve, reject) => {
      let out = ''
      child.stdout.on('data', (chunk: Buffer) => {
        out += chunk.toString()
        const ready = /"url":"([^"]+)"/.exec(out)?.[1]
        if (ready !== undefined) resolve(ready)
      })
      child.once('exit', (code) => reject(new Error(`The application ended with ${code}:\n${said}`)))
    })
    const browser = await WatchedBrowser.open(programOf('chromium').program, url)
    return new Site(url, folder, browser, child, said)
  }

  async stop(): Promise<void> {
    await this.browser.close()
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await ended
    await rm(this.folder, { recursive: true, force: true })
  }

  /** The one-time code is what the person has on paper. */
  candidate(n: number): Account {
    const id = candidateId(n)
    return { id, code: this.#code(`candidate/${id}`) }
  }

  teacher(n: number): Account {
    const id = teacherLogin(n)
    return { id, code: this.#code(`teacher/${id}`) }
  }

  #code(person: string): string {
    return generatedCode(this.#keys.oneTimeCode, person)
  }

  get #keys(): Keys {
    return keysOf(secretFromFile(join(this.folder, 'secret.key')))
  }

  /** Signs in beside the pages, the first time with the code. Answers the token. */
  async signIn(role: 'candidate' | 'teacher' | 'staff', { id, code }: Account): Promise<string> {
    const again = await this.api('POST', '/api/session', { body: { role, id, password: PASSWORD } })
    if (again.status === 200) return again.json['token'] as string
    const first = await this.api('POST', '/api/session', {
      body: { role, id, password: code, newPassword: PASSWORD },
    })
    expect(first.status, JSON.stringify(first.json)).toBe(200)
    return first.json['token'] as string
  }

  async api(
    method: string,
    path: string,
    { body, token, ifMatch }: { body?: unknown; token?: string; ifMatch?: number } = {},
  ): Promise<{ status: number; json: Record<string, unknown> }> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(ifMatch !== undefined && { 'if-match': `"${ifMatch}"` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, json: text === '' ? {} : JSON.parse(text) }
  }

  /** A candidate with a session that cost no password, and a saved form where choices are given. */
  async signedIn(n: number, choices?: readonly Choice[]): Promise<{ id: string; token: string }> {
    const { id } = this.candidate(n)
    const { token } = new SessionTokens(this.#keys.session).make({ role: 'candidate', id }, 0, Date.now())
    if (choices !== undefined) await this.save(token, choices)
    return { id, token }
  }

  async save(token: string, choices: readonly Choice[]): Promise<void> {
    const { version } = await this.form(token)
    const saved = await this.api('PUT', '/api/form', { token, body: { choices }, ifMatch: version })
    expect(saved.status, JSON.stringify(saved.json)).toBe(200)
  }

  async form(token: string): Promise<{ choices: Choice[]; state: string; receipt: string; version: number }> {
    return (await this.api('GET', '/api/form', { token })).json as never
  }

  async clock(): Promise<{ now: string; window: Window & { state: string } }> {
    return (await this.api('GET', '/api/clock')).json as never
  }

  async setWindow({ opens, closes }: Window): Promise<void> {
    this.#staffToken ??= await this.signIn('staff', { id: 'admin', code: this.#staffCode })
    const set = await this.api('PUT', '/api/staff/window', {
      token: this.#staffToken,
      body: { opens, closes },
    })
    expect(set.status, JSON.stringify(set.json)).toBe(200)
  }
}

export interface Choice {
  readonly school: string
  readonly major: string
}

export const PASSWORD_OF_ALL = PASSWORD

/** Some choices that are in the catalogue: the first majors of the first schools. */
export async function someChoices(site: Site, count: number): Promise<Choice[]> {
  const choices: Choice[] = []
  for (let at = 0; at < count; at += 1) {
    const school = String(10_001 + at)
    const { json } = await site.api('GET', `/api/catalogue/schools/${school}`)
    choices.push({ school, major: (json['majors'] as { major: string }[])[0]?.major ?? '' })
  }
  return choices
}

/** One application and one browser for a test file; no test may leave the browser anything to complain about. */
export function siteOfFile(): () => Site {
  let site: Site | undefined
  // Each step waits for 10 s at most; on a busy machine several of them come near to that.
  vi.setConfig({ testTimeout: 60_000 })
  beforeAll(async () => {
    site = await Site.start()
  }, START_MS)
  afterEach(async () => {
    const troubles = site?.browser.troubles.splice(0)
    await site?.browser.closePages()
    expect(troubles).toEqual([])
  })
  afterAll(async () => site?.stop(), START_MS)
  return () => {
    if (site === undefined) throw new Error('The application has not started.')
    return site
  }
}
