/** Checks of what clients read: that it counts, that it does not go back, that `atLeast` was kept. */
import { fatesOf, nameOf } from './evidence.ts'
import type { ByText, Evidence, Say } from './evidence.ts'
import type { History, ReadOp } from './history.ts'

/** Versions that somebody had been shown or promised, per key, in the order of time. */
interface Shown {
  readonly at: number
  readonly version: number
  readonly by: string
}

export function checkReads(evidence: Evidence, byText: ByText, say: Say): void {
  const { history, truth } = evidence
  const shown = shownVersions(evidence)
  const starts = startsOf(history, byText)
  for (const op of history.reads()) {
    if (op.outcome === undefined) {
      if (op.end < 0) say('I10', `read ${op.number} at ${op.process} never ended`)
      continue
    }
    op.keys.forEach((key, index) => {
      const got = op.outcome?.[index]
      const name = nameOf({ collection: op.collection, key })
      const read = `read ${op.number} of ${op.collection}/${key} at ${op.process} from ${op.start.toFixed(0)} to ${op.end.toFixed(0)} ms`
      if (got !== undefined && evidence.lost.versions.has(`${name} ${got.version}`)) return
      if (got !== undefined) {
        const fate = truth.keys.get(name)?.find((one) => one.version === got.version)
        if (fate === undefined)
          return say('I2', `${read} returned version ${got.version}, which does not count in the journal`)
        if (fate.text !== got.text)
          return say(
            'I2',
            `${read} returned ${got.text} for version ${got.version}, which is ${fate.text ?? 'a delete'}`,
          )
      }
      const least = leastFor(evidence, op, shown.get(name) ?? [])
      if (least === undefined) return
      if (got !== undefined) {
        if (got.version < least.version)
          say('I3', `${read} returned version ${got.version} after ${least.version} was ${least.by}`)
        return
      }
      if (evidence.lost.deleted.has(name)) return
      const later = (truth.keys.get(name) ?? []).filter((one) => one.version >= least.version)
      if (
        !later.some((one) => one.text === undefined && (starts.get(`${name} ${one.version}`) ?? 0) <= op.end)
      ) {
        say('I3', `${read} found nothing after ${least.version} was ${least.by}, and nobody deleted it`)
      }
    })
  }
}

function shownVersions({ history, lost }: Evidence): Map<string, Shown[]> {
  const shown = new Map<string, Shown[]>()
  const add = (name: string, one: Shown): void => {
    if (lost.versions.has(`${name} ${one.version}`)) return
    const list = shown.get(name)
    if (list === undefined) shown.set(name, [one])
    else list.push(one)
  }
  for (const op of history.ops) {
    if (op.kind === 'read') {
      op.keys.forEach((key, index) => {
        const version = op.outcome?.[index]?.version
        if (version !== undefined)
          add(nameOf({ collection: op.collection, key }), {
            at: op.end,
            version,
            by: `read by ${op.number} at ${op.end.toFixed(0)} ms`,
          })
      })
      continue
    }
    if (op.outcome?.kind !== 'receipt' || op.outcome.stage === 'journaled') continue
    const { versions } = op.outcome
    const writes = op.kind === 'settle' ? op.of.writes : op.writes
    writes.forEach((write, index) => {
      const version = versions[index]
      if (version !== undefined)
        add(nameOf(write), {
          at: op.end,
          version,
          by: `written by ${op.number}, visible at ${op.end.toFixed(0)} ms`,
        })
    })
  }
  return shown
}

function leastFor(evidence: Evidence, op: ReadOp, shown: readonly Shown[]): Shown | undefined {
  const before = op.start - evidence.staleMsAt(op.start)
  let least: Shown | undefined
  for (const one of shown)
    if (one.at <= before && (least === undefined || one.version > least.version)) least = one
  const name = nameOf({ collection: op.collection, key: op.keys[0] as string })
  const { atLeast } = op
  if (
    atLeast !== undefined &&
    atLeast > (least?.version ?? 0) &&
    !evidence.lost.versions.has(`${name} ${atLeast}`)
  )
    least = { at: op.start, version: atLeast, by: 'asked for' }
  return least
}

/** When the operation that wrote a version began, where it is known. */
function startsOf(history: History, byText: ByText): Map<string, number> {
  const starts = new Map<string, number>()
  for (const op of history.writes()) {
    for (const fate of fatesOf(op, byText)) starts.set(`${nameOf(fate)} ${fate.version}`, op.start)
    if (op.outcome?.kind !== 'receipt') continue
    const { versions } = op.outcome
    op.writes.forEach((write, index) => starts.set(`${nameOf(write)} ${versions[index]}`, op.start))
  }
  return starts
}
