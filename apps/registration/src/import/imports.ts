/** Imports as staff starts them, from the command line or over HTTP: one at a time in a process. */
import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { Problem } from '../problem.ts'
import type { Settings } from '../store/site-settings.ts'
import type { Store } from '../store/store.ts'
import { runImport } from './import-run.ts'
import type { ImportProgress, ImportReport } from './import-run.ts'
import { KINDS } from './kinds.ts'
import type { ImportKind } from './kinds.ts'

export interface ImportsParts {
  readonly store: Store
  readonly clock: Clock
  readonly settings: Settings
  readonly folder: string
  readonly codeKey: KeyObject
}

export class Imports {
  readonly folder: string
  readonly #parts: ImportsParts
  #running = false

  constructor(parts: ImportsParts) {
    this.#parts = parts
    this.folder = parts.folder
  }

  async run(
    kind: ImportKind,
    path: string,
    onProgress: (progress: ImportProgress) => void = () => undefined,
  ): Promise<ImportReport> {
    if (this.#running)
      throw new Problem(409, 'import-running', 'An import is running here: wait until it is done.')
    this.#running = true
    const { store, clock, settings, folder, codeKey } = this.#parts
    try {
      return await runImport({
        store,
        clock,
        kind,
        path,
        folder,
        codeKey,
        onProgress,
        ...(KINDS[kind].isCatalogue
          ? { whenLanded: async () => void (await settings.raiseCatalogueRevision()) }
          : {}),
      })
    } finally {
      this.#running = false
    }
  }

  /** Where the rejected lines of a file are; the digest as the report gives it. */
  rejectedFile(kind: ImportKind, digest: string): string {
    return join(this.folder, `${kind}-${digest.slice(0, 16)}.rejected.csv`)
  }
}
