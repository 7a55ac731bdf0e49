/**
 * The template of a MariaDB data folder: made once by mariadb-install-db, in the cache, one per version of the
 * server, and copied for each private server. It is made beside its place and renamed into it, so that two test
 * files that need it at once both find it whole.
 */
import { spawnSync } from 'node:child_process'
import { constants, cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../repo.ts'
import { programOf } from './tools.ts'

const makeMsMax = 120_000

const versionOf = (program: string): string => {
  const { stdout } = spawnSync(program, ['--no-defaults', '--version'], { encoding: 'utf8' })
  return /\bVer (\d+\.\d+\.\d+)/.exec(stdout ?? '')?.[1] ?? 'unknown'
}

const make = (place: string, folder: string) => {
  const { program, home } = programOf('mariadb', 'mariadb-install-db')
  const made = join(folder, 'data')
  const done = spawnSync(
    program,
    [
      '--no-defaults',
      ...(process.getuid?.() === 0 ? ['--user=root'] : []),
      ...(home === undefined ? [] : [`--basedir=${home}`]),
      `--datadir=${made}`,
      '--auth-root-authentication-method=normal',
      '--skip-name-resolve',
      '--skip-test-db',
      '--innodb-log-file-size=4M',
      // Nobody's data as yet: what the machine loses half made is made again.
      '--innodb-flush-log-at-trx-commit=0',
      '--innodb-flush-method=nosync',
    ],
    {
      cwd: folder,
      encoding: 'utf8',
      timeout: makeMsMax,
      // It is a shell script, which needs the system's tools also where PATH names none.
      env: { ...process.env, PATH: process.env['PATH'] || '/usr/bin:/bin', LC_ALL: 'C' },
    },
  )
  if (done.status !== 0) {
    const said = `${done.stdout ?? ''}${done.stderr ?? ''}${done.error?.message ?? ''}`.trim()
    throw new Error(`mariadb-install-db failed:\n${said}`)
  }
  try {
    renameSync(made, place)
  } catch (error) {
    // Somebody else was first.
    if (!existsSync(place)) throw error
  }
}

export const copyTemplate = (dataFolder: string): void => {
  const templates = join(cacheFolder, 'services', 'templates')
  const place = join(templates, `mariadb-${versionOf(programOf('mariadb').program)}`)
  if (!existsSync(place)) {
    mkdirSync(templates, { recursive: true })
    const folder = mkdtempSync(join(templates, 'making-'))
    try {
      make(place, folder)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  cpSync(place, dataFolder, { recursive: true, mode: constants.COPYFILE_FICLONE })
}
