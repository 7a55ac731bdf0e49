/**
 * Judges a season of saving from outside: what candidates were told against what is in SQL, and against the export.
 *
 * This program shares no line with the application or with Spillway: it reads histories (a line of JSON for each
 * answer that a client got), the tables, and the files of an export; everything else it works out again by itself.
 *
 *   node check.ts --database URL [--history FILE]… [--export FOLDER] [--secret-file FILE] [--others]
 *
 *   answers.ts   reads histories and notes what each client was promised
 *   tables.ts    streams `form` and `form_history` in order of candidates, SQLite or MySQL
 *   verdict.ts   the rules
 *   export.ts    forms.csv and proof.json against the table
 *
 * It prints a verdict as JSON and ends with 0, or with 6 where anything does not agree, 2 for a wrong call.
 */
import { parseArgs } from 'node:util'
import { readAnswers } from './answers.ts'
import { ExportFile } from './export.ts'
import { openTables } from './tables.ts'
import { receiptKey } from './receipt.ts'
import { Verdict } from './verdict.ts'

const { values } = parseArgs({
  options: {
    database: { type: 'string' },
    history: { type: 'string', multiple: true },
    export: { type: 'string' },
    'secret-file': { type: 'string' },
    /** Others than these clients saved forms too: rows that nobody here wrote are fine. */
    others: { type: 'boolean' },
  },
})

if (values.database === undefined) {
  process.stderr.write(
    'check --database sqlite:PATH|mysql://… [--history FILE]… [--export FOLDER] [--secret-file FILE] [--others]\n',
  )
  process.exit(2)
}

const answers = await readAnswers(values.history ?? [])
const secretFile = values['secret-file']
const key = secretFile === undefined ? undefined : receiptKey(secretFile)
const exported = values.export === undefined ? undefined : await ExportFile.open(values.export)
const verdict = new Verdict(answers, { receiptKey: key, exported, others: values.others === true })
const tables = await openTables(values.database)
try {
  for await (const candidate of tables.candidates()) await verdict.judge(candidate)
} finally {
  await tables.close()
}
await verdict.end()
process.stdout.write(`${JSON.stringify(verdict.summary(), undefined, 2)}\n`)
process.exitCode = verdict.ok ? 0 : 6
