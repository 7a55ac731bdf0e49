/**
 * Mistakes in a copy of the sources, one for each thing that a round promises, and the rules that have to find them.
 * Processes of a round run the copy; the verdict is the ordinary one.
 */
import { cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProfileName } from '../../scripts/chaos/profiles.ts'
import { cacheFolder, repoRoot } from '../../scripts/repo.ts'
import { applyPatch } from '../planted/plant.ts'
import type { Patch } from '../planted/bugs.ts'
import type { RuntimeName } from '../scenarios/served.ts'

export interface Sabotage {
  readonly name: string
  readonly fault: string
  readonly profile: ProfileName
  readonly runtime?: RuntimeName
  readonly patches: readonly Patch[]
  /** What a breach that names it looks like. */
  readonly foundAs: RegExp
}

export const SABOTAGES: readonly Sabotage[] = [
  {
    name: 'none lost: replicas are not waited for',
    fault: 'replica promoted',
    profile: 'redis+wait',
    patches: [
      {
        file: 'drivers/redis/store.ts',
        find: 'const [replicas, info] = await Promise.all([',
        replace: 'if (answer !== undefined) return\n    const [replicas, info] = await Promise.all([',
      },
    ],
    foundAs: /^R1 /,
  },
  {
    name: 'none lost: reads are served before the gate',
    fault: 'redis old copy',
    profile: 'redis+sqlite',
    patches: [
      {
        file: 'engine/gate.ts',
        find: 'get open(): boolean {',
        replace: 'get open(): boolean {\n    if (this.#epoch >= 0) return true',
      },
      {
        file: 'engine/gate.ts',
        find: 'admits(seen: FrontSeen, throughWhenSent: Position): boolean {',
        replace:
          'admits(seen: FrontSeen, throughWhenSent: Position): boolean {\n' +
          '    if (this.#identity !== undefined && seen.mark !== undefined) return true',
      },
    ],
    foundAs: /^R1 /,
  },
  {
    name: 'bounded: what is lost is not reported',
    fault: 'redis aof cut',
    profile: 'redis',
    patches: [
      {
        file: 'engine/fused-loss.ts',
        find: 'if (known >= end.position) return []',
        replace: 'if (known >= 0) return []',
      },
    ],
    foundAs: /^L1 /,
  },
  {
    name: 'bounded: what had landed is lost too',
    fault: 'redis old copy',
    profile: 'redis',
    patches: [
      {
        file: 'engine/recover-fused.ts',
        find: '(await markProblem(context, stream.journal, partition, { ...row.mark, journal: info.identity })) === undefined',
        replace: 'info.identity.length > 0',
      },
    ],
    foundAs: /^R1 /,
  },
  {
    name: 'every rule: a condition is not judged',
    fault: 'redis away',
    profile: 'redis',
    patches: [
      {
        file: 'drivers/redis/scripts/write.lua',
        find: "elseif version ~= unpackStruct('<d', blob, at) then",
        replace: 'elseif version == -1 then',
      },
    ],
    foundAs: /^R5 /,
  },
  {
    name: 'gentle: a stop cuts connections',
    fault: 'rolling restart',
    profile: 'redis',
    runtime: 'node',
    patches: [
      {
        file: 'runtime/http-node.ts',
        find: 'systemClock.after(graceMs, () => server.closeAllConnections()),',
        replace: 'systemClock.after(0, () => server.closeAllConnections()),',
      },
    ],
    foundAs: /requests got no answer$/,
  },
]

/** The root of a patched copy of the project. */
export async function sabotaged({ name, patches }: Sabotage): Promise<string> {
  const root = join(cacheFolder, 'chaos', `sabotage-${name.replaceAll(/[^a-z]+/gi, '-')}`)
  await rm(root, { recursive: true, force: true })
  await mkdir(root, { recursive: true })
  for (const part of ['src', 'package.json'])
    await cp(join(repoRoot, part), join(root, part), { recursive: true })
  for (const patch of patches) await applyPatch(join(root, 'src'), patch)
  return root
}
