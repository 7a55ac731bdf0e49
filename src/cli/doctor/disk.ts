/**
 * The folder and the file system that the stores are on.
 */
import { accessSync, constants, existsSync, statSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { bytes } from '../terminal/columns.ts'
import { bad, ok, warning } from '../../kit/finding.ts'
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
      ? warning(
          'free disk',
          `${bytes(free)} free for ${folder}`,
          'Make room: a full disk makes writes fail as unavailable until there is some.',
        )
      : ok('free disk', `${bytes(free)} free for ${folder}`)
  if (network !== undefined) {
    return [
      space,
      bad(
        'file system',
        `${folder} is on ${network}`,
        'SQLite in WAL mode needs a local file system: move the data folder to one.',
      ),
    ]
  }
  if (memory !== undefined) {
    return [
      space,
      warning(
        'file system',
        `${folder} is on ${memory}, which is memory`,
        'Acknowledged writes do not survive a restart of the machine there: move the data folder to a disk.',
      ),
    ]
  }
  return [space, ok('file system', `${folder} is on a local file system`)]
}

function permissions(file: string): Finding {
  const { mode, uid } = statSync(file)
  try {
    accessSync(file, constants.R_OK | constants.W_OK)
  } catch {
    return bad(
      'permissions',
      `${file} cannot be read and written by this user (owner uid ${uid}, mode ${(mode & 0o777).toString(8)})`,
      `Give it back to the user of the server: chown the folder, chmod u+rw ${file}.`,
    )
  }
  if ((mode & 0o002) !== 0)
    return warning(
      'permissions',
      `${file} can be written by every user (mode ${(mode & 0o777).toString(8)})`,
      `chmod o-w ${file}`,
    )
  return ok('permissions', `${file} (mode ${(mode & 0o777).toString(8)})`)
}

/** Of each file that is there, and of the folders they are in. */
export function examineDisk(files: readonly string[]): Finding[] {
  const folders = [...new Set(files.map((file) => dirname(file)))]
  return [
    ...folders.flatMap(fileSystem),
    ...[...folders, ...files.filter((file) => existsSync(file))].map(permissions),
  ]
}
