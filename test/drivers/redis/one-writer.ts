/** One process at partition 0 of a fused Redis, for tests of what the server does to it. */
import { onTestFinished } from 'vitest'
import { openRedisFused } from '../../../src/drivers/redis/fused.ts'
import type { RedisFusedOptions } from '../../../src/drivers/redis/fused.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { isSpillwayError } from '../../../src/errors.ts'
import { CODEC } from '../../../src/model/value.ts'
import type { Value } from '../../../src/model/value.ts'
import { Speaker } from '../../conformance/fused-under-test.ts'
import { newNamespace } from './redis-store.ts'

export type Writer = Speaker & { readonly namespace: string }

/** Opened, with generation 1 begun; closed after the test. */
export async function oneWriter(options: Partial<RedisFusedOptions>): Promise<Writer> {
  const namespace = options.namespace ?? newNamespace()
  const fused = await openRedisFused({
    partitions: 2,
    clock: systemClock,
    releaseShare: 0,
    ...options,
    namespace,
  })
  onTestFinished(() => fused.front.close())
  const writer = Object.assign(new Speaker(fused), { namespace })
  await writer.raise(1)
  return writer
}

/** The code of a rejection; `unknown` where nothing says that nothing happened. */
export async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'answered'
  } catch (error) {
    if (isSpillwayError(error, 'overloaded') || isSpillwayError(error, 'unavailable')) return error.code
    return 'unknown'
  }
}

export function valueOfBytes(length: number): Value {
  return { codec: CODEC.plain, rawBytes: length, bytes: new Uint8Array(length).fill(120) }
}
