/**
 * The folder and the file system that the stores are on.
 */
import { accessSync, constants, existsSync, statSync, statfsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { bytes } from '../terminal/columns.ts'
import { ok, wrong } from '../../kit/finding.ts'
import type { Finding } from '../../kit/finding.ts'

/** statfs magic numbers (linux/magic.h) of file systems that change what is promised. */
const NETWORK: Readonly<Record<number, string>> = {
  0x6969: 'NFS',
  0xff534d42: 'CIFS',
  0xfe534d42: 'SMB2',
  0x517b: 'SMB',
  0x00c36400: 'Ceph',
  0x01021997: '9p',
}
const MEMORY: Readonly<Record<number, string>> = { 0x01021994: 'tmpfs', 0x858458f6: 'ramfs' }

/** Below this a checkpoint and a few seconds of spike may not fit any more. */
const FREE_BYTES_MIN = 256 * 2 ** 20

function fileSystem(folder: string): Finding[] {
  const { type, bavail, bsize } = statfsSync(folder)
  const free = bavail * bsize
  const network = NETWORK[type]
  const memory = MEMORY[type]
  const space =
    free < FREE_BYTES_MIN
      ? wrong('disk-free', `${bytes(free)} free for ${folder}`)
      : ok('disk', `${bytes(free)} free for ${folder}`)
  if (network !== undefined) return [space, wrong('disk-network', `${folder} is on ${network}`)]
  if (memory !== undefined) return [space, wrong('disk-memory', `${folder} is on ${memory}, which is memory`)]
  return [space, ok('disk', `${folder} is on a local file system`)]
}

function permissions(file: string): Finding {
  const { mode, uid } = statSync(file)
  const shown = `mode ${(mode & 0o777).toString(8)}`
  try {
    accessSync(file, constants.R_OK | constants.W_OK)
  } catch {
    return wrong(
      'file-permissions',
      `${file} cannot be read and written by this user (owner uid ${uid}, ${shown})`,
      { fix: `Give it back to the user of the server: chown the folder, chmod u+rw ${file}.` },
    )
  }
  if ((mode & 0o002) !== 0)
    return wrong('file-world-writable', `${file} can be written by every user (${shown})`, {
      fix: `chmod o-w ${file}`,
    })
  return ok('disk', `${file} (${shown})`)
}

/** The folder, or the nearest above it that is there. */
function nearest(folder: string): string {
  return existsSync(folder) ? folder : nearest(dirname(folder))
}

/** Of each file that is there, and of the folders they are in, or will be made in. */
export function examineDisk(files: readonly string[]): Finding[] {
  const folders = [...new Set(files.map((file) => nearest(dirname(resolve(file)))))]
  return [
    ...folders.flatMap(fileSystem),
    ...[...folders, ...files.filter((file) => existsSync(file))].map(permissions),
  ]
}
