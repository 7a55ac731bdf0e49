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
import type { DatabaseState } from './database-state.ts'
import { checkReads } from './check-reads.ts'
import { describe, fatesOf, nameOf, textsOf } from './evidence.ts'
import type { ByText, Evidence, Lost, Say } from './evidence.ts'
import type { AskedWrite, History, SettleOp, WriteOp } from './history.ts'
import type { Truth, WriteFate } from './oracle.ts'

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
