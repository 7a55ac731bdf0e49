/** What every part of the engine is given: where time and chance come from, the settings, and where events go. */
import type { Report } from '../events.ts'
import type { Clock } from '../kit/clock.ts'
import type { Random } from '../kit/random.ts'
import type { Database } from '../ports/database.ts'
import type { EngineSettings } from './settings.ts'

export interface EngineContext {
  readonly clock: Clock
  readonly random: Random
  readonly settings: EngineSettings
  readonly database: Database
  readonly report: Report
}

/** Who listens must not decide outcomes: what a listener throws is dropped. */
export function quietly(report: Report | undefined): Report {
  return (event) => {
    try {
      report?.(event)
    } catch {
      // There is nobody left to tell.
    }
  }
}
