/** The stores that `doctor` looks at in these tests, healthy until somebody sets a fault; and the program itself. */
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { cacheFolder } from '../../scripts/repo.ts'
import { open } from '../../src/index.ts'
import type { Finding, Tier, TierOptions } from '../../src/index.ts'
import { projectFolder, spillway } from '../scenarios/served.ts'
import { privateRedis } from '../servers/private-servers.ts'
import type { MariadbServer, RedisServer } from '../servers/private-servers.ts'

/** How `doctor` is called. */
export interface Examination {
  readonly args: readonly string[]
  readonly wrapper?: readonly string[]
  readonly uid?: number
  readonly project?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface Report {
  readonly code: number | null
  readonly ok: boolean
  readonly findings: readonly Finding[]
  /** What is not ok, Bun apart: a machine without it is no worse. */
  readonly wrong: readonly Finding[]
}

export async function doctor({ args, ...how }: Examination): Promise<Report> {
  const { code, out, err } = await spillway(['doctor', '--json', ...args], how)
  if (out === '') throw new Error(`doctor ended with ${code} and said:\n${err}`)
  const { ok, findings } = JSON.parse(out) as { ok: boolean; findings: Finding[] }
  return {
    code,
    ok,
    findings,
    wrong: findings.filter(({ state, id }) => state !== 'ok' && id !== 'bun-missing'),
  }
}

/** On the project's own disk: a folder for temporary files may be in memory, which is a finding. */
export function folderOfItsOwn(): string {
  mkdirSync(cacheFolder, { recursive: true })
  const folder = mkdtempSync(join(cacheFolder, 'doctor-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Two healthy servers, and what is done with them. */
export class Stores {
  readonly redis: RedisServer
  readonly mariadb: MariadbServer
  #names = 0

  constructor(redis: RedisServer, mariadb: MariadbServer) {
    this.redis = redis
    this.mariadb = mariadb
  }

  /** The profile redis, on these servers or another in place of one. */
  fused({ redis = this.redis.url, mariadb = this.mariadb.url } = {}): string[] {
    return ['--front', redis, '--journal', 'same', '--database', mariadb]
  }

  /** A Redis setting until the test ends. */
  async configured(name: string, value: string, good: string): Promise<Examination> {
    onTestFinished(async () => {
      await this.redis.ask(`CONFIG SET ${name} "${good}"`)
    })
    await this.redis.ask(`CONFIG SET ${name} "${value}"`)
    return { args: this.fused() }
  }

  /** A setting of MariaDB until the test ends. */
  async global(name: string, value: string, good: string): Promise<Examination> {
    onTestFinished(async () => {
      await this.mariadb.ask(`SET GLOBAL ${name} = ${good}`)
    })
    await this.mariadb.ask(`SET GLOBAL ${name} = ${value}`)
    return { args: this.fused() }
  }

  /** Arguments of MariaDB until the test ends. */
  async startedWith(...args: string[]): Promise<Examination> {
    onTestFinished(() => this.mariadb.restart({ args: [] }))
    await this.mariadb.restart({ args })
    return { args: this.fused() }
  }

  /** Another Redis that is as healthy as the first. */
  another(args: readonly string[] = []): Promise<RedisServer> {
    return privateRedis({ ...HEALTHY_REDIS, args: [...args] }, onTestFinished)
  }

  async emptyDatabase(): Promise<string> {
    this.#names += 1
    const name = `doctor_${this.#names}`
    onTestFinished(async () => {
      await this.mariadb.ask(`DROP DATABASE ${name}`)
    })
    return this.mariadb.emptyDatabase(name)
  }

  /** Tables of the profile redis that a tier has begun, and what to call doctor with. */
  async begun(
    options: Partial<TierOptions> = {},
    act: (tier: Tier) => Promise<void> = async () => undefined,
  ) {
    const database = await this.emptyDatabase()
    const namespace = new URL(database).pathname.slice(1)
    const tier = await open({ front: this.redis.url, journal: 'same', database, namespace, ...options })
    try {
      await tier.records('any').put('k', 1)
      await act(tier)
    } finally {
      await tier.close()
    }
    return { database, namespace, args: [...this.fused({ mariadb: database }), '--namespace', namespace] }
  }
}

export const HEALTHY_REDIS = { maxmemory: '64mb', maxmemoryPolicy: 'volatile-lru' }

/** A data folder of the embedded profile that a tier has used. */
export async function dataFolder(): Promise<string> {
  const folder = folderOfItsOwn()
  const tier = await open({
    front: 'memory:',
    journal: `sqlite:${folder}/journal.db`,
    database: `sqlite:${folder}/app.db`,
  })
  for (let n = 0; n < 200; n += 1) await tier.records('notes').put(`k${n}`, 'x'.repeat(500))
  await tier.close()
  return folder
}

/** A configuration that maps a collection to a table. */
export function configFile(columns: string): string {
  const file = join(folderOfItsOwn(), 'spillway.config.ts')
  writeFileSync(
    file,
    `import { collection } from '${projectFolder}src/index.ts'
export default { collections: [collection('people', { table: { name: 'person', key: '{id}', columns: ${columns} } })] }
`,
  )
  return file
}

/** A copy of this project that has no Bun, and a PATH without it. */
export function withoutBun(args: readonly string[]): Examination {
  const project = mkdtempSync(join(tmpdir(), 'spillway-no-bun-'))
  onTestFinished(() => rmSync(project, { recursive: true, force: true }))
  cpSync(join(projectFolder, 'src'), join(project, 'src'), { recursive: true })
  copyFileSync(join(projectFolder, 'package.json'), join(project, 'package.json'))
  const modules = join(projectFolder, 'node_modules')
  mkdirSync(join(project, 'node_modules'))
  for (const name of readdirSync(modules))
    if (!name.startsWith('@oven') && name !== '.bin')
      symlinkSync(join(modules, name), join(project, 'node_modules', name))
  return { args, project, env: { PATH: dirname(process.execPath) } }
}

/** A server before the server that says something else in place of what it says; both are equally long. */
export async function proxyThatSays(port: number, from: RegExp, to: string): Promise<number> {
  const listener = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    client.pipe(upstream)
    upstream.on('data', (chunk: Buffer) =>
      client.write(Buffer.from(chunk.toString('latin1').replace(from, to), 'latin1')),
    )
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    listener.close()
  })
  return (listener.address() as AddressInfo).port
}
