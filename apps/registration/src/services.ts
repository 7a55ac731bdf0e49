/** What the routes are made of, put together once. */
import { join } from 'node:path'
import { CatalogueSource } from './catalogue/catalogue-source.ts'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { FormService } from './form/form-service.ts'
import { GuessLimit } from './people/guess-limit.ts'
import type { GuessLimits } from './people/guess-limit.ts'
import { keysOf } from './people/keys.ts'
import { USUAL_COST } from './people/secret.ts'
import type { SlowHashCost } from './people/slow-hash.ts'
import { SessionTokens } from './people/session-token.ts'
import { SignIn } from './people/sign-in.ts'
import { SlowHash } from './people/slow-hash.ts'
import { Settings } from './store/site-settings.ts'
import type { Store } from './store/store.ts'
import { Imports } from './import/imports.ts'
import { Closing } from './staff/closing.ts'
import { FormExports } from './staff/form-exports.ts'
import { AuditLog } from './teacher/audit.ts'
import { Classes } from './teacher/classes.ts'

export interface ServiceOptions {
  readonly store: Store
  readonly secret: Uint8Array
  /** Where imports and exports put their files. */
  readonly folder: string
  readonly clock?: Clock
  readonly choicesMax?: number
  readonly cost?: SlowHashCost
  readonly guessLimits?: GuessLimits
}

export const CHOICES_MAX = 80

export interface Services {
  readonly store: Store
  readonly clock: Clock
  readonly settings: Settings
  readonly catalogue: CatalogueSource
  readonly forms: FormService
  readonly signIn: SignIn
  readonly tokens: SessionTokens
  readonly audit: AuditLog
  readonly classes: Classes
  readonly imports: Imports
  readonly closing: Closing
  readonly exports: FormExports
  readonly choicesMax: number
}

export function makeServices(options: ServiceOptions): Services {
  const { store, clock = systemClock, choicesMax = CHOICES_MAX } = options
  const keys = keysOf(options.secret)
  const tokens = new SessionTokens(keys.session)
  const settings = new Settings(store, clock)
  const catalogue = new CatalogueSource(store.sql)
  const closing = new Closing(store, settings, clock)
  return {
    store,
    clock,
    settings,
    catalogue,
    forms: new FormService({ store, settings, catalogue, clock, receiptKey: keys.receipt, choicesMax }),
    signIn: new SignIn({
      store,
      clock,
      keys,
      tokens,
      slowHash: new SlowHash(),
      cost: options.cost ?? USUAL_COST,
      guesses: new GuessLimit(clock, options.guessLimits),
    }),
    tokens,
    audit: new AuditLog(store, clock),
    classes: new Classes(store, clock),
    imports: new Imports({
      store,
      clock,
      settings,
      folder: join(options.folder, 'imports'),
      codeKey: keys.oneTimeCode,
    }),
    closing,
    exports: new FormExports({ store, settings, closing, clock, folder: join(options.folder, 'exports') }),
    choicesMax,
  }
}
