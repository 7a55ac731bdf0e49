/**
 * The verdict over a run, from client histories, the journal's content and the database's tables: never from the
 * engine's own words about itself.
 *
 *   I1 an acknowledged write is in the final state, or a later one of its key is
 *   I2 no read returned a value that does not count
 *   I3 what was seen of a key never goes back
 *   I4 refused: no effect; unknown: none or one; settled: true and for good
 *   I5 conditions held in journal order; the ledger balances; the stores agree with the fold
 */
import { parseHandle } from '../engine/entry-handle.ts'
import type { StoredEntry } from '../model/entry.ts'
import type { FrontPartition } from './front-partition.ts'
import type { DatabaseState } from './database-state.ts'
import type { AskedWrite, History, ReadOp, SettleOp, WriteOp } from './history.ts'
import type { Truth, WriteFate } from './oracle.ts'

export interface FrontAtEnd {
  readonly identity: string
  at(partition: number): FrontPartition
}

export interface Evidence {
  readonly history: History
  readonly truth: Truth
  readonly database: DatabaseState
  /** The fronts that are in use at the end. */
  readonly fronts: readonly FrontAtEnd[]
  /** `collection, key and version` of writes that a failover lost, and their texts: those, and no others. */
  readonly lost: Lost
  /** When everything worked again: from then on every outcome can be learned. */
  readonly healedAt: number
  /** True while the journal still has the entry at this offset: from there it can be read without a gap. */
  reaches(partition: number, offset: number): boolean
  /** Entries that a recovery threw away although nothing was wrong with them. */
  readonly discarded: readonly StoredEntry[]
  /** How much older than the newest a read without `atLeast` may be at this time, in ms: 0 but around a split. */
  staleMsAt(start: number): number
}

export interface Lost {
  readonly versions: ReadonlySet<string>
  readonly texts: ReadonlySet<string>
  /** `collection, key` of lost deletes: while they were there, reads found nothing. */
  readonly deleted: ReadonlySet<string>
}

/** Of entries of a fused stream, whose offsets are the positions of their last writes. */
export function lostOf(entries: readonly StoredEntry[]): Lost {
  const versions = new Set<string>()
  const texts = new Set<string>()
  const deleted = new Set<string>()
  for (const { offset, entry } of entries) {
    if (entry.kind !== 'write') continue
    entry.writes.forEach((write, index) => {
      versions.add(`${nameOf(write)} ${offset - entry.writes.length + 1 + index}`)
      if (write.value === undefined) deleted.add(nameOf(write))
      else texts.add(Buffer.from(write.value.bytes).toString())
    })
  }
  return { versions, texts, deleted }
}

export function violationsOf(evidence: Evidence): string[] {
  const found = [...evidence.history.bugs.map((bug) => `bug: ${bug}`)]
  const say = (invariant: string, what: string): void => {
    found.push(`${invariant}: ${what}`)
  }
  const byText = textsOf(evidence.truth)
  checkWrites(evidence, byText, say)
  checkSettles(evidence, byText, say)
  checkReads(evidence, byText, say)
  checkStores(evidence, say)
  checkLedger(evidence, say)
  for (const { offset } of evidence.discarded)
    say('I1', `recovery threw away the entry at ${offset}, which the stream still had`)
  return found
}

type Say = (invariant: string, what: string) => void
type ByText = ReadonlyMap<string, readonly WriteFate[]>

function nameOf(of: { readonly collection: string; readonly key: string }): string {
  return `${of.collection}\n${of.key}`
}

function textsOf(truth: Truth): ByText {
  const byText = new Map<string, WriteFate[]>()
  for (const write of truth.writes) {
    if (write.text === undefined) continue
    const same = byText.get(write.text)
    if (same === undefined) byText.set(write.text, [write])
    else same.push(write)
  }
  return byText
}

function describe(op: WriteOp): string {
  return `operation ${op.number} at ${op.process} (${op.writes.map((one) => `${one.collection}/${one.key}=${one.text ?? 'delete'}${one.ifVersion === undefined ? '' : ` if ${one.ifVersion}`}`).join(', ')})`
}

function appliedAt(
  truth: Truth,
  write: { readonly collection: string; readonly key: string },
  version: number,
): WriteFate | undefined {
  return truth.keys.get(nameOf(write))?.find((one) => one.version === version)
}

/** I1 for receipts (the final state is compared with the fold elsewhere), I4 for all that got no receipt. */
function checkWrites({ history, truth, lost }: Evidence, byText: ByText, say: Say): void {
  for (const op of history.writes()) {
    const { outcome } = op
    if (outcome === undefined) say('I10', `${describe(op)} never ended`)
    else if (outcome.kind === 'receipt') checkReceipt(truth, lost, op, op.writes, outcome.versions, say)
    else if (outcome.kind === 'refused' || outcome.kind === 'rejected') {
      for (const fate of fatesOf(op, byText)) {
        if (fate.fate === 'applied')
          say('I4', `${describe(op)} was told ${outcome.code} and yet it counts at ${fate.version}`)
        else if (
          outcome.kind === 'refused' &&
          fate.fate === 'refused' &&
          fate.code !== outcome.code &&
          !op.retried
        ) {
          say('I4', `${describe(op)} was told ${outcome.code}, the journal says ${fate.code}`)
        }
      }
      if (outcome.kind === 'refused') checkRefusal(truth, op, byText, say)
    }
    checkOnce(history, op, byText, say)
  }
}

/** What was told refused must have been refused in journal order: it stands there, and its condition failed. */
function checkRefusal(truth: Truth, op: WriteOp, byText: ByText, say: Say): void {
  if (truth.judgesAtAppend || op.retried || op.writes.some((write) => write.text === undefined)) return
  if (!fatesOf(op, byText).some((fate) => fate.fate === 'refused'))
    say('I5', `${describe(op)} was refused, but the journal never refused it`)
}

function fatesOf(op: WriteOp, byText: ByText): WriteFate[] {
  return op.writes.flatMap((write) => (write.text === undefined ? [] : (byText.get(write.text) ?? [])))
}

function checkReceipt(
  truth: Truth,
  lost: Lost,
  op: WriteOp,
  writes: readonly AskedWrite[],
  versions: readonly number[],
  say: Say,
): void {
  writes.forEach((write, index) => {
    const version = versions[index]
    if (version === undefined || lost.versions.has(`${nameOf(write)} ${version}`)) return
    const fate = appliedAt(truth, write, version)
    if (fate === undefined)
      say(
        'I1',
        `${describe(op)} was acknowledged at version ${version}, where the journal has no such write that counts`,
      )
    else if (fate.text !== write.text)
      say(
        'I1',
        `${describe(op)} was acknowledged at version ${version}, where the journal has ${fate.text ?? 'a delete'}`,
      )
  })
}

function checkOnce(history: History, op: WriteOp, byText: ByText, say: Say): void {
  for (const write of op.writes) {
    if (write.text === undefined || history.resolved.has(nameOf(write))) continue
    const applied = (byText.get(write.text) ?? []).filter((fate) => fate.fate === 'applied')
    if (applied.length > 1)
      say(
        'I4',
        `${describe(op)} counts ${applied.length} times, at ${applied.map((one) => one.version).join(' and ')}`,
      )
  }
}

function checkSettles({ history, truth, lost, healedAt, reaches }: Evidence, byText: ByText, say: Say): void {
  const answers = new Map<WriteOp, string>()
  const last = new Map<WriteOp, SettleOp>()
  for (const settle of history.settles()) {
    const { outcome, of } = settle
    last.set(of, settle)
    if (outcome === undefined) say('I10', `settling ${describe(of)} never ended`)
    else checkSettled(truth, lost, settle, byText, say)
    const answer = answerOf(settle)
    if (
      answer === undefined ||
      settle.of.writes.some((write) => write.text !== undefined && lost.texts.has(write.text))
    )
      continue
    const before = answers.get(of)
    if (before !== undefined && before !== answer)
      say('I4', `${describe(of)} was settled as ${before}, and later as ${answer}`)
    answers.set(of, answer)
  }
  for (const settle of last.values()) {
    if (answers.has(settle.of) || settle.start < healedAt) continue
    if (settle.outcome?.kind !== 'unknown' || settle.outcome.entry === undefined) continue
    const handle = parseHandle(settle.outcome.entry)
    if (!reaches(handle.partition, handle.knownOffset)) continue
    say(
      'I4',
      `${describe(settle.of)} could not be settled although everything works and the journal still has it all`,
    )
  }
}

function answerOf({ outcome }: SettleOp): string | undefined {
  if (outcome?.kind === 'receipt') return `receipt ${outcome.versions[0]}`
  if (outcome?.kind === 'refused') return outcome.code
  return outcome?.kind === 'void' ? 'void' : undefined
}

function checkSettled(truth: Truth, lost: Lost, { of, outcome }: SettleOp, byText: ByText, say: Say): void {
  if (outcome?.kind === 'receipt') checkReceipt(truth, lost, of, of.writes, outcome.versions, say)
  if (outcome?.kind !== 'void' && outcome?.kind !== 'refused') return
  const applied = fatesOf(of, byText).find((fate) => fate.fate === 'applied')
  if (applied === undefined) return
  say(
    'I4',
    `${describe(of)} was settled as ${outcome.kind === 'void' ? 'void' : outcome.code}, and yet it counts at ${applied.version}`,
  )
}

/** Versions that somebody had been shown or promised, per key, in the order of time. */
interface Shown {
  readonly at: number
  readonly version: number
  readonly by: string
}

function checkReads(evidence: Evidence, byText: ByText, say: Say): void {
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

/** I1 and I5: table and parked together are the fold's result, and so is what the fronts hold. */
function checkStores({ truth, database, fronts }: Evidence, say: Say): void {
  for (const [name, versions] of truth.keys) {
    const newest = versions.at(-1) as WriteFate
    const row = database.rows.get(name)
    const parked = database.parked.get(name)
    const label = name.replace('\n', '/')
    const held = parked !== undefined && parked.version > (row?.version ?? 0) ? parked : row
    const text = held?.value === undefined ? undefined : Buffer.from(held.value.bytes).toString()
    if (newest.text !== text)
      say(
        'I1',
        `${label} is ${text ?? 'absent'} in the database, and ${newest.text ?? 'absent'} in the journal's fold at ${newest.version}`,
      )
    else if (newest.text !== undefined && held?.version !== newest.version)
      say('I5', `${label} has version ${held?.version} in the database, ${newest.version} in the fold`)
    for (const front of fronts) {
      const partition = front.at(newest.partition)
      const known = partition.held({ collection: newest.collection, key: newest.key })
      if (known === undefined || partition.mark?.position !== truth.partitions[newest.partition]?.end)
        continue
      const expected = newest.text === undefined ? 0 : newest.version
      if (known.version !== expected)
        say(
          'I5',
          `${label} has version ${known.version} in the front ${front.identity}, ${expected} in the fold`,
        )
    }
  }
  for (const [name, row] of database.rows) {
    if (!truth.keys.has(name))
      say(
        'I5',
        `${name.replace('\n', '/')} is in the database at ${row.version}, and no write of the journal made it`,
      )
  }
  checkHistory(truth, database, say)
}

function checkHistory(truth: Truth, database: DatabaseState, say: Say): void {
  const landed = new Map<string, number[]>()
  for (const row of database.history) {
    const name = nameOf(row)
    const list = landed.get(name)
    if (list === undefined) landed.set(name, [row.version])
    else list.push(row.version)
  }
  for (const [name, versions] of truth.keys) {
    if (!database.withHistory.has((versions[0] as WriteFate).collection)) continue
    const have = landed.get(name) ?? []
    if (new Set(have).size !== have.length)
      say('I5', `the history of ${name.replace('\n', '/')} has a version twice: ${have.join(', ')}`)
    for (const fate of versions) {
      if (have.includes(fate.version) || database.parked.get(name)?.version === fate.version) continue
      // What was not accepted, a frame whole, and was overtaken before it was never lands.
      if (truth.entries.get(fate.entry)?.some((one) => one.text?.includes('poison')) === true) continue
      say('I5', `version ${fate.version} of ${name.replace('\n', '/')} is missing in its history`)
    }
  }
}

/** I5: the counters, worked out again from the journal. */
function checkLedger({ truth, database }: Evidence, say: Say): void {
  truth.partitions.forEach((partition, at) => {
    const state = database.partitions[at]
    if (state === undefined) return
    const { counts } = state
    const expect = (what: string, found: number, expected: number): void => {
      if (found !== expected)
        say('I5', `the ledger of partition ${at} says ${what} ${found}, the journal ${expected}`)
    }
    if (state.mark.position !== partition.end)
      say('I10', `partition ${at} is landed up to ${state.mark.position} of ${partition.end}`)
    expect('accepted', counts.landed + counts.superseded + counts.refused + counts.parked, partition.accepted)
    expect('refused', counts.refused, partition.refused)
    expect('voided', counts.voided, partition.voided)
    expect('control', counts.control, partition.control)
    const parked = [...database.parked.values()].filter((row) => row.partition === at).length
    expect('parked', counts.parked, parked)
    for (const [collection, position] of partition.seals) {
      if (state.seals.get(collection) !== position)
        say(
          'I5',
          `the seal of ${collection} in partition ${at} is ${state.seals.get(collection)} in the database, ${position} in the fold`,
        )
    }
  })
}
