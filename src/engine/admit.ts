/**
 * Admission: what must hold before a write may enter the journal. Nothing has happened yet when it says no.
 *
 *   conditions ─▶ their keys are in the front and held there   else: filled, or `unavailable` (separate journal)
 *   memory     ─▶ its bytes are reserved in the front          else: `overloaded`, naming the bound
 *
 * So that a cold key cannot stall a partition at apply, and apply never fails for memory.
 */
import { SpillwayError } from '../errors.ts'
import type { Write } from '../model/entry.ts'
import type { FrontReads } from '../ports/front.ts'
import type { EngineContext } from './context.ts'
import { NeedsFill } from './needs-fill.ts'
import type { Reader } from './read.ts'
import type { Shape } from './shape.ts'
import type { WriteOutcome, WriteRequest, Written } from './write-path.ts'

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

  /** Most writes: nothing to hold, nothing to give up, and a write path that needs no promise. */
  begin(request: WriteRequest, outcome: WriteOutcome): void {
    const { front, writes } = this.#shape
    if (writes.begin === undefined || request.signal !== undefined || hasCondition(request.writes)) {
      this.#write(request).then(
        (written) => outcome.done(written),
        (error: unknown) => outcome.failed(error),
      )
      return
    }
    const bytes = memoryOf(request.writes)
    if (!front.reserve(bytes)) return outcome.failed(this.#full())
    writes.begin(request, new Reserved(front, bytes, outcome))
  }

  async #write(request: WriteRequest): Promise<Written> {
    const { partition, writes, signal } = request
    signal?.throwIfAborted()
    const { front } = this.#shape
    // Where the front judges as it appends, it says so itself when it lacks a key, and has appended nothing.
    if (!this.#shape.judged && hasCondition(writes)) {
      const conditions = writes.filter(isConditional)
      await this.#reader.hold(partition, conditions, { timeoutMs: this.#context.settings.waitMs, signal })
    }
    const bytes = memoryOf(writes)
    if (!front.reserve(bytes)) throw this.#full()
    try {
      return await this.#shape.writes.write(request)
    } catch (error) {
      if (!(error instanceof NeedsFill)) throw error
      return await this.#writeFilled(request, error)
    } finally {
      front.unreserve(bytes)
    }
  }

  #full(): SpillwayError {
    const { bytesMax } = this.#shape.front.usage()
    return new SpillwayError(
      'overloaded',
      `The front is full of writes that have not landed (frontBytesMax = ${bytesMax}); retry when landing has caught up.`,
    )
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

/** Gives the reserved memory back, whatever became of the write, before it is told. */
class Reserved implements WriteOutcome {
  readonly #front: FrontReads
  readonly #bytes: number
  readonly #outcome: WriteOutcome

  constructor(front: FrontReads, bytes: number, outcome: WriteOutcome) {
    this.#front = front
    this.#bytes = bytes
    this.#outcome = outcome
  }

  done(written: Written): void {
    this.#front.unreserve(this.#bytes)
    this.#outcome.done(written)
  }

  failed(error: unknown): void {
    this.#front.unreserve(this.#bytes)
    this.#outcome.failed(error)
  }
}

function hasCondition(writes: readonly Write[]): boolean {
  return writes.length === 1 ? isConditional(writes[0] as Write) : writes.some(isConditional)
}

function isConditional(write: Write): boolean {
  return write.ifVersion !== undefined
}

function memoryOf(writes: readonly Write[]): number {
  let bytes = 0
  for (const write of writes)
    bytes += WRITE_OVERHEAD_BYTES + write.key.length + (write.value?.bytes.byteLength ?? 0)
  return bytes
}
