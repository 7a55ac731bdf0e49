/**
 * The verdict on a round, from client histories and SQL alone. Imports nothing of src.
 *
 * Where the profile promises that nothing is lost, the rules of test/scenarios/verdict.ts hold for the whole
 * history. Where loss is possible it is bounded by a *window* in the clients' own time:
 *
 *   ──────── from ════════ fault ════════ until ────────▶
 *            │             │              └ every process serves again: what is sent from here on must stay
 *            │             └ up to here nothing has happened: every rule holds, for every answer
 *            └ what was answered before is in what survives (the old copy, the replica, SQL): it must stay
 *
 * A write acknowledged inside the window counts like one whose answer never came: it has one effect or none. The
 * same goes for what a reader saw of it. Nothing else is excused, and no rule is: a version has one value, and a save
 * at most one version (as anybody sees it but the lost side of a split).
 *
 *   R7  one save has at most one version
 *   L1  each lost write is in a stretch of versions that some log says is lost
 */
import { judge, judgeRows } from '../../test/scenarios/verdict.ts'
import type { Found, HistoryEvent } from '../../test/scenarios/verdict.ts'
import type { SessionEvent } from './sessions.ts'

export interface Window {
  readonly from: number
  readonly fault: number
  readonly until: number
  /** Rows that SQL had at the fault, by key: what is landed is not lost. */
  readonly landed: ReadonlyMap<string, Found>
  /** Processes that were on the wrong side of a split, in the window: what they answer there is believed by nobody. */
  readonly wrongSide?: readonly string[]
}

/** Of one partition, which a client does not know: from after one count of a generation up to another. */
export interface ReportedLoss {
  readonly generation: number
  readonly after: number
  readonly upTo: number
}

export interface Evidence {
  readonly events: readonly SessionEvent[]
  /** What each process answered for every key, at the end. */
  readonly finalReads: readonly (readonly HistoryEvent[])[]
  readonly rows: ReadonlyMap<string, Found>
  /** Undefined: nothing may be lost. */
  readonly window: Window | undefined
  /** Where replicas are waited for: when reads may have shown a value that no replica had yet, and that is gone. */
  readonly unreplicatedReads?: Window | undefined
  /** What the servers' logs say is lost. */
  readonly reports: readonly ReportedLoss[]
}

export interface Judgement {
  readonly breaches: readonly string[]
  /** Acknowledged writes that are gone, as far as no later write of their key hides it. */
  readonly lost: number
  readonly acknowledged: number
  readonly reads: number
}

export function judgeRound(evidence: Evidence): Judgement {
  const { window, rows } = evidence
  const finals = evidence.finalReads.flat()
  const events = evidence.events.filter((event) => !isUnreplicated(event, evidence, finals))
  const raw: HistoryEvent[] = [...events, ...finals]
  const breaches: string[] = []
  oneVersionEach(raw, (event) => !isWrongSide(event as SessionEvent, window), breaches)
  if (window === undefined) breaches.push(...judge(raw).breaches)
  else {
    breaches.push(
      ...judge(upTo(events, window.fault)).breaches.map((breach) => `${breach} (before the fault)`),
    )
    breaches.push(...judge([...excused(events, window), ...finals]).breaches)
  }
  for (const reads of evidence.finalReads) judgeRows(rows, reads, breaches)
  const lost = window === undefined ? [] : lostOf(events, rows, window)
  const silent = lost.filter((event) => !evidence.reports.some((report) => covers(report, event.version)))
  const [first] = silent
  if (first !== undefined)
    breaches.push(`L1 ${silent.length} acknowledged writes are lost and no log says so: ${named(first)}, …`)
  return {
    breaches: [...new Set(breaches)],
    lost: lost.length,
    acknowledged: raw.filter((event) => event.op !== 'read' && event.outcome === 'ok').length,
    reads: raw.filter((event) => event.op === 'read').length,
  }
}

/**
 * Answered by the lost side of a split. A write that this side has taken and whose answer is cut may count as void on
 * the other side, and is sent again there.
 */
function isWrongSide(event: SessionEvent, window: Window | undefined): boolean {
  if (window?.wrongSide?.includes(event.via) !== true) return false
  return event.done > window.fault && event.sent <= window.until
}

/** Seen around the fault, and never acknowledged under that version, nor there in the end. */
function isUnreplicated(
  event: SessionEvent,
  { events, unreplicatedReads: window }: Evidence,
  finals: readonly HistoryEvent[],
): boolean {
  if (window === undefined || event.op !== 'read' || event.version === 0) return false
  if (event.done < window.from || event.sent > window.until) return false
  const is = ({ key, version }: HistoryEvent): boolean => key === event.key && version === event.version
  return !events.some((other) => other.op !== 'read' && is(other)) && !finals.some(is)
}

/** R2 and R7 for the whole history: no window excuses a version that means two things. */
function oneVersionEach(
  events: readonly HistoryEvent[],
  believed: (event: HistoryEvent) => boolean,
  breaches: string[],
): void {
  const saves = new Map<string, number>()
  const versions = new Map<string, number>()
  for (const event of events) {
    const { key, n, version, outcome, op } = event
    if (outcome !== 'ok' || version === 0) continue
    const saved = saves.get(`${key} ${version}`)
    if (saved !== undefined && saved !== n)
      breaches.push(`R2 ${key}: version ${version} is save ${saved} and save ${n}`)
    saves.set(`${key} ${version}`, n)
    if (op === 'delete' || !believed(event)) continue
    const at = versions.get(`${key} ${n}`)
    if (at !== undefined && at !== version)
      breaches.push(`R7 ${key}: save ${n} has version ${at} and version ${version}`)
    versions.set(`${key} ${n}`, version)
  }
}

/**
 * Acknowledged puts that these rows do not have, nor anything later of their key. Where a delete may have come later,
 * no row tells whether it landed, and the put is left out.
 */
export function unlandedOf(events: readonly SessionEvent[], rows: ReadonlyMap<string, Found>): number {
  const deletedAt = new Map<string, number>()
  for (const { op, outcome, key, version } of events) {
    if (op !== 'delete' || (outcome !== 'ok' && outcome !== 'unknown')) continue
    deletedAt.set(key, Math.max(deletedAt.get(key) ?? 0, outcome === 'ok' ? version : Infinity))
  }
  return events.filter(({ op, outcome, key, version }) => {
    if (op !== 'put' || outcome !== 'ok') return false
    return version > (rows.get(key)?.version ?? 0) && version > (deletedAt.get(key) ?? 0)
  }).length
}

/** The history as it was known at a moment: what was under way then may still have any outcome. */
function upTo(events: readonly SessionEvent[], moment: number): HistoryEvent[] {
  return events.flatMap((event) => {
    if (event.done <= moment) return [event]
    if (event.sent > moment || event.op === 'read') return []
    return [{ ...event, outcome: 'unknown' as const, version: 0 }]
  })
}

function excused(events: readonly SessionEvent[], window: Window): HistoryEvent[] {
  const before = new Set(
    events
      .filter((event) => event.outcome === 'ok' && event.done < window.from)
      .map((event) => `${event.key} ${event.version}`),
  )
  const safe = ({ key, version }: HistoryEvent): boolean =>
    before.has(`${key} ${version}`) || version <= (window.landed.get(key)?.version ?? 0)
  return events.flatMap((event): HistoryEvent[] => {
    const inside = event.done >= window.from && event.sent <= window.until
    if (!inside || event.outcome !== 'ok') return [event]
    const wrong = isWrongSide(event, window)
    if (event.op === 'read') {
      if (wrong) return []
      return event.version === 0 || safe(event) ? [event] : []
    }
    if (safe(event) && !wrong) return [event]
    return [{ ...event, outcome: 'unknown', version: 0 }]
  })
}

/** Acknowledged inside the window, and SQL ends up with less than that. */
function lostOf(
  events: readonly SessionEvent[],
  rows: ReadonlyMap<string, Found>,
  window: Window,
): SessionEvent[] {
  const lost: SessionEvent[] = []
  const deletes = new Set(
    events
      .filter(({ op, outcome }) => op === 'delete' && (outcome === 'ok' || outcome === 'unknown'))
      .map(({ key }) => key),
  )
  for (const event of events) {
    if (event.outcome !== 'ok' || event.op === 'read') continue
    if (event.done < window.from || event.sent > window.until) continue
    const row = rows.get(event.key)
    const gone =
      row === undefined ? event.op === 'put' && !deletes.has(event.key) : row.version < event.version
    if (gone) lost.push(event)
  }
  return lost
}

function named({ key, version, n, via }: SessionEvent): string {
  return `${key} version ${version} (save ${n}, by ${via})`
}

/** A version is its generation and its count there in one number. */
const COUNT_SPAN = 2 ** 37

function covers({ generation, after, upTo }: ReportedLoss, version: number): boolean {
  const count = version % COUNT_SPAN
  return Math.floor(version / COUNT_SPAN) === generation && count > after && count <= upTo
}

const REPORTED = /lost what was acknowledged after (\d+)-(\d+), up to (\d+)-(\d+)/g

/** What a line of a log says is lost; where it begins in an older generation, all of the newer one up to its end. */
export function reportedIn(detail: string): ReportedLoss[] {
  return [...detail.matchAll(REPORTED)].map(([, from, after, generation, upTo]) => ({
    generation: Number(generation),
    after: from === generation ? Number(after) : -1,
    upTo: Number(upTo),
  }))
}
