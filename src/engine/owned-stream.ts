/**
 * Whose stream is it? A fused store says nothing of the database that belongs to it, and one that belongs to another
 * would be emptied at the first raise, or landed where it does not belong.
 *
 * So a tier has a name, made when its database begins and kept in the name of its journal there. The store is claimed
 * for it: the first claim stands until the store loses its memory, and whoever finds another name there stops. Where a
 * store can hold the streams of several tiers, the name says under which namespace, which a store that lost its memory
 * keeps: a process that was started with another one would find nothing there, and take that for a loss.
 *
 *   database        store                          claim
 *   has begun with a journal of another kind       journal-mismatch, as for the next two; nothing is claimed
 *   has begun       of another namespace           journal-mismatch, naming both; nothing is claimed
 *   has begun       no name, or the same           its own name stands
 *   has begun       another name                   journal-mismatch (with acceptLoss it is taken over, and emptied)
 *   has not begun   no stream                      the name that stands: another process may be about to begin
 *   has not begun   a stream                       looked at again, for it may have begun meanwhile; else as above
 */
import { SpillwayError } from '../errors.ts'
import type { FusedFront } from '../ports/fused.ts'
import { isFusedJournalName } from '../ports/fused.ts'
import type { JournalReader } from '../ports/journal.ts'
import type { EngineContext } from './context.ts'

const SEPARATOR = ' of '
const PLACE = ' in '
const LOOKS_MAX = 4
const OF_ANOTHER =
  'The store holds the stream of another tier: this database is not its own. Name another namespace (--namespace), or the database that belongs to this one; --accept-loss takes the store over, and what only that stream had is lost.'

/** What the journal of a generation is called where a database keeps its position. */
export function ownedName(stream: string, owner: string): string {
  return owner === '' ? stream : `${stream}${SEPARATOR}${owner}`
}

function ownerIn(journal: string): string {
  const at = journal.indexOf(SEPARATOR)
  return at < 0 ? '' : journal.slice(at + SEPARATOR.length)
}

/** Of a tier that was made before names had one: undefined, and any will do. */
function placeIn(owner: string): string | undefined {
  const at = owner.indexOf(PLACE)
  return at < 0 ? undefined : owner.slice(at + PLACE.length)
}

export class OwnedStream {
  readonly #context: EngineContext
  readonly #fused: FusedFront
  #acceptLoss: boolean
  #owner = ''
  #foreign = false

  constructor(context: EngineContext, fused: FusedFront, acceptLoss: boolean) {
    this.#context = context
    this.#fused = fused
    this.#acceptLoss = acceptLoss
  }

  get owner(): string {
    return this.#owner
  }

  /** Of this open alone: what happens to the stores later was not looked at by whoever accepted it. */
  get acceptLoss(): boolean {
    return this.#acceptLoss
  }

  /** It holds the stream of another tier, which is to be emptied. */
  get foreign(): boolean {
    return this.#foreign
  }

  /** A generation was opened: what was there is emptied, and now bears this tier's name. */
  async takenOver(): Promise<void> {
    if (this.#foreign) await this.#fused.claim(this.#owner, true)
    this.#foreign = false
  }

  /** From here on no loss is accepted. */
  opened(): void {
    this.#acceptLoss = false
  }

  /** The store's journal under the name that its database knows. */
  get journal(): JournalReader {
    const { journal } = this.#fused
    return {
      info: async (partition) => {
        const info = await journal.info(partition)
        return { ...info, identity: ownedName(info.identity, this.#owner) }
      },
      read: (partition, after, limits) => journal.read(partition, after, limits),
      at: (partition, offset) => journal.at(partition, offset),
      trim: (partition, offset) => journal.trim(partition, offset),
      usage: () => journal.usage(),
      kept: async (partition) => journal.kept?.(partition) ?? journal.usage(),
    }
  }

  /** Makes sure that the store is this tier's; `journal-mismatch` where it is another's. One call, and a look. */
  async claim(): Promise<void> {
    for (let look = 1; look <= LOOKS_MAX; look += 1) {
      const [row] = await this.#context.database.partitions()
      if (row !== undefined && !isFusedJournalName(row.mark.journal))
        return this.#dispute(this.#newName(), otherKind(row.mark.journal))
      const known = row === undefined ? undefined : ownerIn(row.mark.journal)
      const place = known === undefined ? undefined : placeIn(known)
      if (place !== undefined && place !== this.#fused.place)
        return this.#dispute(this.#newName(), this.#elsewhere(place))
      const standing = await this.#fused.claim(known ?? this.#newName(), false)
      if (known === undefined ? await this.#isEmpty() : known === standing) {
        this.#owner = standing
        this.#foreign = false
        return
      }
      if (known !== undefined || look === LOOKS_MAX)
        return this.#dispute(known ?? this.#newName(), OF_ANOTHER)
    }
  }

  async #isEmpty(): Promise<boolean> {
    return (await this.#fused.front.state(0)).mark === undefined
  }

  #newName(): string {
    const { place } = this.#fused
    const id = this.#context.random.id()
    return place === undefined ? id : `${id}${PLACE}${place}`
  }

  #elsewhere(place: string): string {
    return `This database has its stream in the namespace ${place}, and ${this.#fused.place ?? 'none'} would be that of another tier: start with --namespace ${place}, or name another database. --accept-loss moves the tier here, and what only its old stream had is lost.`
  }

  /** The name is put there last: a crash before that leaves another tier's name, and the same question. */
  #dispute(name: string, problem: string): void {
    if (!this.#acceptLoss) throw new SpillwayError('journal-mismatch', problem)
    this.#foreign = true
    this.#owner = name
  }
}

function otherKind(journal: string): string {
  return `This database was written from a journal of another kind (${journal}), which may have writes that have not landed: start with that journal until nothing is pending; then --accept-loss goes on with this one. What only the other journal had is lost.`
}
