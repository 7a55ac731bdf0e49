/** What staff does on the command line: `window`, `close`, `reset-password`, `export`. */
import { systemClock } from '../clock.ts'
import { normalIdNumber } from '../domain/id-number.ts'
import { isRole } from '../domain/person.ts'
import { savingWindow } from '../domain/window.ts'
import { Problem } from '../problem.ts'
import { resetKnown } from '../server/staff-routes.ts'
import { UsageError, placesOf } from './options.ts'
import type { CommandLine } from './options.ts'
import { withServices } from './opened.ts'
import { ProgressLine, data, tell } from './output.ts'

/** Who is at the command line is not known here; that it was the command line is. */
const OPERATOR = { role: 'staff', id: 'command-line' } as const

export function windowVerb(line: CommandLine): Promise<number> {
  const window = savingWindow(line.text('opens'), line.text('closes'))
  if (typeof window === 'string') throw new UsageError(`window --opens INSTANT --closes INSTANT: ${window}`)
  return withServices(placesOf(line), async ({ services }) => {
    const { sealedAt } = await services.settings.refresh()
    if (sealedAt !== undefined)
      throw new Problem(409, 'sealed', `The window was closed for good at ${sealedAt}.`)
    await services.audit.write(OPERATOR, 'window', `${window.opens} ${window.closes}`)
    await services.settings.setWindow(window)
    data(window)
    return 0
  })
}

export function closeVerb(line: CommandLine): Promise<number> {
  return withServices(placesOf(line), async ({ services }) => {
    await services.audit.write(OPERATOR, 'close', 'form')
    const closed = await services.closing.close()
    data({ sealed: true, ...closed })
    tell(`Closed for good at ${closed.closedAt}: what comes later in order is refused.`)
    return 0
  })
}

export function resetPasswordVerb(line: CommandLine): Promise<number> {
  const role = line.text('as') ?? 'candidate'
  const id = line.text('login')
  if (!isRole(role) || id === undefined)
    throw new UsageError('reset-password --login ID [--as candidate|teacher|staff]')
  const person = { role, id: role === 'candidate' ? normalIdNumber(id) : id }
  return withServices(placesOf(line), async ({ services }) => {
    const oneTimeCode = await resetKnown(services, person)
    await services.audit.write(OPERATOR, 'reset-password', `${role}/${person.id}`)
    data({ ...person, oneTimeCode })
    return 0
  })
}

export function exportVerb(line: CommandLine): Promise<number> {
  return withServices(placesOf(line), async ({ services }) => {
    await services.audit.write(OPERATOR, 'export', 'form')
    const progress = new ProgressLine()
    const proof = await services.exports
      .run({
        folder: line.text('folder'),
        onProgress: (rows) => progress.show(`${rows} forms`, systemClock.now()),
      })
      .finally(() => progress.end())
    data(proof)
    tell(
      `${proof.rows.all} forms, ${proof.rows.confirmed} of them confirmed. Check it with: check --folder …`,
    )
    return 0
  })
}
