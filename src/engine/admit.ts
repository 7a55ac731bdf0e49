/**
 * Admission: what must hold before a write may enter the journal. Nothing has happened yet when it says no.
 *
 *   conditions ─▶ their keys are in the front and held there   else: filled, or `unavailable`
 *   memory     ─▶ its bytes are reserved in the front          else: `overloaded`, naming the bound
 *
 * So that a cold key cannot stall a partition at apply, and apply never fails for memory.
 */
import { SpillwayError } from '../errors.ts'
import type { Write } from '../model/entry.ts'
import type { EngineContext } from './context.ts'
import { NeedsFill } from './needs-fill.ts'
import type { Reader } from './read.ts'
import type { Shape } from './shape.ts'
import type { WriteRequest, Written } from './write-path.ts'

/** Memory that a write is counted as before it is journaled, besides its bytes: the objects around them. */
export const WRITE_OVERHEAD_BYTES = 400
/** Fills for one conditional write before its caller is told to come back. */
const FILLS_MAX = 8

export class Admission {
  readonly #context: EngineContext
  readonly #shape: Shape
  readonly #reader: Reader

  constructor(context: EngineContext, shape: Shape, reader: Reader) {
    this.#context = context
    this.#shape = shape
    this.#reader = reader
  }

  async write(request: WriteRequest): Promise<Written> {
    const { partition, writes, signal } = request
    signal?.throwIfAborted()
    const { front } = this.#shape
    if (writes.some((write) => write.ifVersion !== undefined)) {
      const conditions = writes.filter((write) => write.ifVersion !== undefined)
      await this.#reader.hold(partition, conditions, { timeoutMs: this.#context.settings.waitMs, signal })
    }
    const bytes = memoryOf(writes)
    if (!front.reserve(bytes)) {
      const { bytesMax } = front.usage()
      throw new SpillwayError(
        'overloaded',
        `The front is full of writes that have not landed (frontBytesMax = ${bytesMax}); retry when landing has caught up.`,
      )
    }
    try {
      return await this.#shape.writes.write(request)
    } catch (error) {
      if (!(error instanceof NeedsFill)) throw error
      return await this.#writeFilled(request, error)
    } finally {
      front.unreserve(bytes)
    }
  }

  /** Where the front judges as it appends, a condition may need a key that it lost meanwhile: fill and come back. */
  async #writeFilled(request: WriteRequest, first: NeedsFill): Promise<Written> {
    const { partition, signal } = request
    let { missing } = first
    for (let attempt = 1; attempt <= FILLS_MAX; attempt += 1) {
      await this.#reader.hold(partition, missing, { timeoutMs: this.#context.settings.waitMs, signal })
      try {
        return await this.#shape.writes.write(request)
      } catch (error) {
        if (!(error instanceof NeedsFill)) throw error
        missing = error.missing
      }
    }
    throw new SpillwayError(
      'unavailable',
      'The front keeps losing the keys of this condition; nothing has happened, retry.',
    )
  }
}

function memoryOf(writes: readonly Write[]): number {
  let bytes = 0
  for (const write of writes)
    bytes += WRITE_OVERHEAD_BYTES + write.key.length + (write.value?.bytes.byteLength ?? 0)
  return bytes
}
