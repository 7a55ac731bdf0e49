/**
 * BullMQ, the queue that people reach for, in the cache folder: it is installed there on the first full run and is no
 * dependency of the project.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

const FOLDER = fileURLToPath(new URL('../../.cache/rivals/', import.meta.url))
const VERSIONS = { bullmq: '6.7.0', ioredis: '6.0.0' }

export const bullmqVersion = VERSIONS.bullmq

/** The few things that the bench calls of it. */
export interface Queue {
  add(name: string, data: unknown, options: object): Promise<unknown>
  obliterate(options: { force: boolean }): Promise<void>
  close(): Promise<void>
}

export async function bullmqQueue(port: number): Promise<Queue> {
  if (!existsSync(`${FOLDER}node_modules/bullmq/package.json`)) install()
  const entry = createRequire(`${FOLDER}package.json`).resolve('bullmq')
  const loaded = (await import(pathToFileURL(entry).href)) as {
    Queue: new (name: string, options: object) => Queue
  }
  return new loaded.Queue('forms', { connection: { host: '127.0.0.1', port } })
}

function install(): void {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(`${FOLDER}package.json`, `${JSON.stringify({ private: true, dependencies: VERSIONS })}\n`)
  const { status, stderr } = spawnSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: FOLDER,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`BullMQ could not be installed into ${FOLDER}:\n${stderr}`)
}
