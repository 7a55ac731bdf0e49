/**
 * What staff sets for everybody: the window, and which edition of the catalogue counts. Each process reads them
 * through the tier at most once a second; so a moved window is everywhere within that second, while the closing for
 * good does not rest on this: it is a seal in the journal, that refuses in order.
 */
import type { Clock } from '../clock.ts'
import type { SavingWindow } from '../domain/window.ts'
import type { Store } from './store.ts'

export interface SiteSettings {
  readonly window: SavingWindow
  /** When the forms were sealed; undefined while they are not. */
  readonly sealedAt: string | undefined
  /** Of the seal, by partition. */
  readonly sealPositions: readonly number[]
  /** Of the catalogue: raised by every import that changed it. */
  readonly catalogueRevision: number
}

const AGE_MS_MAX = 1_000

export class Settings {
  readonly #store: Store
  readonly #clock: Clock
  #known: SiteSettings | undefined
  #readAtMs = 0
  #reading: Promise<SiteSettings> | undefined

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** At most a second old. Not a promise where it is known, so that a save costs no turn for it. */
  current(): SiteSettings | Promise<SiteSettings> {
    const ageMs = this.#clock.now() - this.#readAtMs
    if (this.#known !== undefined && ageMs >= 0 && ageMs < AGE_MS_MAX) return this.#known
    return this.refresh()
  }

  refresh(): Promise<SiteSettings> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined))
    return this.#reading
  }

  async setWindow(window: SavingWindow): Promise<void> {
    const { sealedAt, sealPositions } = await this.refresh()
    const sealed = sealedAt === undefined ? {} : { sealedAt, sealPositions }
    await this.#put('window', { ...window, ...sealed })
  }

  async setSealed(sealedAt: string, sealPositions: readonly number[]): Promise<void> {
    const { window } = await this.refresh()
    await this.#put('window', { ...window, sealedAt, sealPositions })
  }

  async raiseCatalogueRevision(): Promise<number> {
    const { catalogueRevision } = await this.refresh()
    await this.#put('catalogue', { revision: catalogueRevision + 1 })
    return catalogueRevision + 1
  }

  async #put(setting: string, value: object): Promise<void> {
    await this.#store.settings.put(setting, { value })
    // A read that began before the write may not have seen it, and is not joined.
    await this.#reading?.catch(() => undefined)
    await this.refresh()
  }

  async #read(): Promise<SiteSettings> {
    const startedMs = this.#clock.now()
    const [window, catalogue] = await this.#store.settings.getMany(['window', 'catalogue'])
    const kept = (window?.value.value ?? {}) as Partial<SavingWindow & SiteSettings>
    const { revision = 0 } = (catalogue?.value.value ?? {}) as { readonly revision?: number }
    this.#known = {
      window: { opens: kept.opens ?? NEVER.opens, closes: kept.closes ?? NEVER.closes },
      sealedAt: kept.sealedAt,
      sealPositions: kept.sealPositions ?? [],
      catalogueRevision: revision,
    }
    this.#readAtMs = startedMs
    return this.#known
  }
}

/** Until staff sets a window nothing can be saved. */
const NEVER: SavingWindow = { opens: '9999-01-01T00:00:00.000Z', closes: '9999-01-02T00:00:00.000Z' }
