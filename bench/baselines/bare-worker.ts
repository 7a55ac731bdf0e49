/**
 * The plain paths, each alone in a worker thread with nothing of Spillway around it.
 *
 *   group-commit   BEGIN, 256 inserts of a key and 500 bytes from memory, COMMIT; no thread to talk to
 *   upserts        BEGIN, sorted upserts of rows that arrive in one moved buffer, COMMIT
 */
import { DatabaseSync } from 'node:sqlite'
import { parentPort } from 'node:worker_threads'
import type { BareCall, BareRows } from './bare.ts'

const PRAGMAS = 'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768'
/** Rows of one upsert statement: the best of 1, 10, 50, 100, 250 and 500 on both runtimes. */
const ROWS_PER_STATEMENT = 10

let database: DatabaseSync | undefined
let upsertOne: ReturnType<DatabaseSync['prepare']>
let upsertMany: ReturnType<DatabaseSync['prepare']>

function groupCommit(path: string, rowsPerCommit: number, rowBytes: number, ms: number): number {
  const file = new DatabaseSync(path)
  file.exec(`${PRAGMAS}; CREATE TABLE rows (n INTEGER PRIMARY KEY, key TEXT NOT NULL, bytes BLOB NOT NULL)`)
  const insert = file.prepare('INSERT INTO rows VALUES (?, ?, ?)')
  const begin = file.prepare('BEGIN')
  const commit = file.prepare('COMMIT')
  // As many different ones as the bench puts, so that neither side has its bytes in the processor's nearest cache.
  const values = Array.from({ length: 256 }, (_, n) => new Uint8Array(rowBytes).fill(n))
  const keys = Array.from({ length: rowsPerCommit * 16 }, (_, n) => `candidate-${n}`)
  const from = performance.now()
  let rows = 0
  while (performance.now() - from < ms) {
    begin.run()
    for (let row = 0; row < rowsPerCommit; row += 1) {
      rows += 1
      insert.run(rows, keys[rows % keys.length] as string, values[rows % values.length] as Uint8Array)
    }
    commit.run()
  }
  const rate = (rows * 1_000) / (performance.now() - from)
  file.close()
  return rate
}

function openTable(path: string): void {
  database = new DatabaseSync(path)
  database.exec(`${PRAGMAS}; PRAGMA wal_autocheckpoint = 16000;
    CREATE TABLE rows (collection TEXT, record_key TEXT, version INTEGER NOT NULL, spillway_check TEXT, value BLOB,
      PRIMARY KEY (collection, record_key))`)
  const upsert = (rows: number): string =>
    `INSERT INTO rows VALUES ${Array.from({ length: rows }, () => '(?, ?, ?, ?, ?)').join(', ')}
     ON CONFLICT (collection, record_key) DO UPDATE SET version = excluded.version, spillway_check = excluded.spillway_check, value = excluded.value`
  upsertOne = database.prepare(upsert(1))
  upsertMany = database.prepare(upsert(ROWS_PER_STATEMENT))
}

function land({ keys, collection, version, buffer, valueBytes }: BareRows): void {
  database?.exec('BEGIN IMMEDIATE')
  let at = 0
  const row = (index: number): [string, string, number, string, Uint8Array] => [
    collection,
    keys[index] as string,
    version + index,
    '0123456789abcdef',
    new Uint8Array(buffer, index * valueBytes, valueBytes),
  ]
  while (at + ROWS_PER_STATEMENT <= keys.length) {
    const bound: (string | number | Uint8Array)[] = []
    for (let index = at; index < at + ROWS_PER_STATEMENT; index += 1) bound.push(...row(index))
    upsertMany.run(...bound)
    at += ROWS_PER_STATEMENT
  }
  for (; at < keys.length; at += 1) upsertOne.run(...row(at))
  database?.exec('COMMIT')
}

parentPort?.on('message', ({ id, call }: { id: number; call: BareCall }) => {
  let answer = 0
  switch (call.kind) {
    case 'group-commit':
      answer = groupCommit(call.path, call.rowsPerCommit, call.rowBytes, call.ms)
      break
    case 'open':
      openTable(call.path)
      break
    case 'land':
      land(call.rows)
      break
    case 'close':
      database?.close()
      break
  }
  parentPort?.postMessage({ id, answer })
})
