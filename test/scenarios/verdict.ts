/**
 * The verdict: reads client histories, the server and SQL, and says what is wrong. A program of its own that imports
 * nothing of src, so that it cannot share a mistake with what it judges.
 *
 *   node verdict.ts HISTORY                      the histories alone
 *   node verdict.ts HISTORY --url URL            … and what the server answers now
 *   node verdict.ts HISTORY --sql FILE           … and what the tables have (after a drain)
 *   node verdict.ts HISTORY --unlanded FILE      only counts acknowledged records that SQL does not have yet
 *
 * A history is one JSON object a line:
 *
 *   { key, op: put|delete|read, n, sent, done, outcome: ok|refused|unknown|nothing, version, counter? }
 *
 * `sent` and `done` come from one clock of the client; `n` names a value and is used once per key; a read that found
 * nothing has version 0. Rules, for each key:
 *
 *   R1  a read shows at least the highest version that was known, by an answer, when it was sent
 *   R2  one version has one value
 *   R3  what is read was sent before the answer came, and was not refused
 *   R4  of two acknowledged writes, one after the other, the later has the higher version; no two share one
 *   R5  the increments of a counter (conditional writes) are each counted once
 *   R6  SQL says what the last reads say
 */
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'

export interface HistoryEvent {
  readonly key: string
  readonly op: 'put' | 'delete' | 'read'
  /** Of a put or what a read found; 0 for deletes and for reads that found nothing. */
  readonly n: number
  readonly sent: number
  readonly done: number
  readonly outcome: 'ok' | 'refused' | 'unknown' | 'nothing'
  readonly version: number
  /** The value of a counter. */
  readonly counter?: number
}

export interface Verdict {
  readonly breaches: string[]
  readonly checked: {
    readonly keys: number
    readonly reads: number
    readonly acknowledged: number
    readonly rows: number
  }
}

/** What a key is found to have; version 0 is no record. */
export interface Found {
  readonly version: number
  readonly n: number
  readonly counter: number | undefined
}

const COLLECTION = 'scenario'
const TABLE_SQL =
  'SELECT record_key AS key, spillway_version AS version, value FROM spillway_records WHERE collection = ?'

const known = (event: HistoryEvent): boolean => event.outcome === 'ok' && event.version > 0

function byKey(events: readonly HistoryEvent[]): Map<string, HistoryEvent[]> {
  const keys = new Map<string, HistoryEvent[]>()
  for (const event of events) {
    const list = keys.get(event.key)
    if (list === undefined) keys.set(event.key, [event])
    else list.push(event)
  }
  return keys
}

/** The highest version known by answers that came before each event was sent, in one sweep. */
function knownBefore(events: readonly HistoryEvent[]): Map<HistoryEvent, HistoryEvent | undefined> {
  const sent = [...events].sort((a, b) => a.sent - b.sent)
  const done = events.filter(known).sort((a, b) => a.done - b.done)
  const result = new Map<HistoryEvent, HistoryEvent | undefined>()
  let highest: HistoryEvent | undefined
  let next = 0
  for (const event of sent) {
    for (
      let candidate = done[next];
      candidate !== undefined && candidate.done < event.sent;
      candidate = done[++next]
    ) {
      if (highest === undefined || candidate.version > highest.version) highest = candidate
    }
    result.set(event, highest)
  }
  return result
}

function judgeKey(key: string, events: readonly HistoryEvent[], breaches: string[]): void {
  const before = knownBefore(events)
  const puts = new Map(events.filter((event) => event.op === 'put').map((event) => [event.n, event]))
  const deletes = events.filter(
    (event) => event.op === 'delete' && event.outcome !== 'refused' && event.outcome !== 'nothing',
  )
  const valueAt = new Map<number, number>()
  const claim = (version: number, n: number): void => {
    const other = valueAt.get(version)
    if (other !== undefined && other !== n)
      breaches.push(`R2 ${key}: version ${version} is save ${other} and save ${n}`)
    valueAt.set(version, n)
  }
  const acknowledged = events.filter((event) => event.op !== 'read' && known(event))
  for (const event of acknowledged) claim(event.version, event.op === 'put' ? event.n : 0)
  if (new Set(acknowledged.map((event) => event.version)).size !== acknowledged.length)
    breaches.push(`R4 ${key}: two acknowledged writes share a version`)
  for (const event of acknowledged) {
    const highest = before.get(event)
    if (highest !== undefined && highest.version >= event.version)
      breaches.push(
        `R4 ${key}: acknowledged version ${event.version}, but ${highest.version} was known before it was sent`,
      )
  }
  for (const read of events) {
    if (read.op !== 'read' || read.outcome !== 'ok') continue
    const highest = before.get(read)
    if (read.version === 0) {
      const possible =
        highest === undefined ||
        deletes.some(
          (event) =>
            event.sent < read.done && (event.outcome === 'unknown' || event.version >= highest.version),
        )
      if (!possible)
        breaches.push(`R1 ${key}: no record, but version ${highest.version} (save ${highest.n}) was known`)
      continue
    }
    if (highest !== undefined && read.version < highest.version)
      breaches.push(
        `R1 ${key}: read version ${read.version} (save ${read.n}), but ${highest.version} (save ${highest.n}) was known`,
      )
    claim(read.version, read.n)
    const source = puts.get(read.n)
    if (source === undefined || source.sent > read.done)
      breaches.push(`R3 ${key}: read save ${read.n}, which nobody had sent`)
    else if (source.outcome === 'refused' || source.outcome === 'nothing')
      breaches.push(`R3 ${key}: read save ${read.n}, which was turned away`)
  }
  judgeCounter(key, events, breaches)
}

function judgeCounter(key: string, events: readonly HistoryEvent[], breaches: string[]): void {
  const increments = events.filter((event) => event.op === 'put' && event.counter !== undefined)
  if (increments.length === 0) return
  const acknowledged = increments.filter((event) => event.outcome === 'ok')
  const counted = new Set(acknowledged.map((event) => event.counter))
  if (counted.size !== acknowledged.length)
    breaches.push(
      `R5 ${key}: ${acknowledged.length} acknowledged increments made ${counted.size} different values`,
    )
  const reads = events.filter((event) => event.op === 'read' && event.outcome === 'ok')
  const last = reads.reduce<HistoryEvent | undefined>(
    (latest, read) => (latest === undefined || read.sent > latest.sent ? read : latest),
    undefined,
  )
  if (last === undefined) return
  const sure = acknowledged.filter((event) => event.done < last.sent).length
  const possible = increments.filter(
    (event) => (event.outcome === 'ok' || event.outcome === 'unknown') && event.sent < last.done,
  ).length
  const value = last.counter ?? 0
  if (value < sure || value > possible)
    breaches.push(`R5 ${key}: counter shows ${value}, but ${sure} to ${possible} increments were made`)
}

export function judge(events: readonly HistoryEvent[]): Verdict {
  const breaches: string[] = []
  const keys = byKey(events)
  for (const [key, list] of keys) judgeKey(key, list, breaches)
  return {
    breaches,
    checked: {
      keys: keys.size,
      reads: events.filter((event) => event.op === 'read').length,
      acknowledged: events.filter((event) => event.op !== 'read' && event.outcome === 'ok').length,
      rows: 0,
    },
  }
}

interface StoredValue {
  readonly n: number
  readonly counter?: number
}

/** Reads every key of the history from the server, as further events at the end of it. */
export async function readNow(url: string, events: readonly HistoryEvent[]): Promise<HistoryEvent[]> {
  let clock = events.reduce((highest, event) => Math.max(highest, event.done), 0) + 1
  const keys = [...byKey(events).keys()]
  const reads: HistoryEvent[] = []
  for (let at = 0; at < keys.length; at += 500) {
    const asked = keys.slice(at, at + 500)
    const response = await fetch(`${url}/v1/records/${COLLECTION}/get`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ keys: asked }),
    })
    if (!response.ok)
      throw new Error(`Reading was answered with ${response.status}: ${await response.text()}`)
    const { records } = (await response.json()) as {
      records: ({ version: number; value: StoredValue } | null)[]
    }
    asked.forEach((key, index) => {
      const record = records[index]
      const found: Found =
        record === null || record === undefined
          ? { version: 0, n: 0, counter: undefined }
          : { version: record.version, n: record.value.n, counter: record.value.counter }
      reads.push({
        key,
        op: 'read',
        n: found.n,
        sent: clock,
        done: clock,
        outcome: 'ok',
        version: found.version,
        ...(found.counter === undefined ? {} : { counter: found.counter }),
      })
    })
    clock += 1
  }
  return reads
}

function rowsOf(file: string): Map<string, Found> {
  const connection = new DatabaseSync(file, { readOnly: true })
  try {
    const table = connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'spillway_records'").get()
    if (table === undefined) return new Map()
    const text = (value: unknown): string =>
      typeof value === 'string' ? value : new TextDecoder().decode(value as Uint8Array)
    const rows = connection.prepare(TABLE_SQL).all(COLLECTION)
    return new Map(
      rows.map((row) => {
        const value = JSON.parse(text(row.value)) as StoredValue
        return [text(row.key), { version: Number(row.version), n: value.n, counter: value.counter }]
      }),
    )
  } finally {
    connection.close()
  }
}

/** R6, once everything is landed: the last known state of every key is its row. */
export function judgeSql(file: string, events: readonly HistoryEvent[], breaches: string[]): number {
  return judgeRows(rowsOf(file), events, breaches)
}

/** The same on rows that were read from any database. */
export function judgeRows(
  rows: ReadonlyMap<string, Found>,
  events: readonly HistoryEvent[],
  breaches: string[],
): number {
  for (const [key, list] of byKey(events)) {
    const reads = list.filter((event) => event.op === 'read' && event.outcome === 'ok')
    const last = reads.reduce<HistoryEvent | undefined>(
      (latest, read) => (latest === undefined || read.sent > latest.sent ? read : latest),
      undefined,
    )
    if (last === undefined) continue
    const row = rows.get(key)
    if (last.version === 0 ? row !== undefined : row?.version !== last.version || row.n !== last.n) {
      breaches.push(
        `R6 ${key}: the server said ${last.version === 0 ? 'absent' : `version ${last.version} (save ${last.n})`}, SQL has ${row === undefined ? 'no row' : `version ${row.version} (save ${row.n})`}`,
      )
    }
  }
  return rows.size
}

/** Records whose highest acknowledged put SQL does not have yet. */
export function countUnlanded(file: string, events: readonly HistoryEvent[]): number {
  const rows = rowsOf(file)
  let count = 0
  for (const [key, list] of byKey(events)) {
    const writes = list.filter((event) => event.op !== 'read' && known(event))
    const highest = writes.reduce<HistoryEvent | undefined>(
      (top, event) => (top === undefined || event.version > top.version ? event : top),
      undefined,
    )
    if (highest !== undefined && highest.op === 'put' && (rows.get(key)?.version ?? 0) < highest.version)
      count += 1
  }
  return count
}

export function readHistory(file: string): HistoryEvent[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as HistoryEvent)
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { url: { type: 'string' }, sql: { type: 'string' }, unlanded: { type: 'string' } },
  })
  const events = readHistory(positionals[0] ?? '')
  if (values.unlanded !== undefined) {
    console.log(JSON.stringify({ unlanded: countUnlanded(values.unlanded, events) }))
    return 0
  }
  if (values.url !== undefined) events.push(...(await readNow(values.url, events)))
  const verdict = judge(events)
  const rows = values.sql === undefined ? 0 : judgeSql(values.sql, events, verdict.breaches)
  console.log(
    JSON.stringify({
      breaches: verdict.breaches.slice(0, 50),
      breachesCount: verdict.breaches.length,
      checked: { ...verdict.checked, rows },
    }),
  )
  return verdict.breaches.length === 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = await main()
