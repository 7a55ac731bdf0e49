/** `import KIND FILE…`: a CSV file, or all that `generate` made. */
import { basename } from 'node:path'
import { systemClock } from '../clock.ts'
import type { ImportReport } from '../import/import-run.ts'
import type { Imports } from '../import/imports.ts'
import { IMPORT_KINDS } from '../import/kinds.ts'
import type { ImportKind } from '../import/kinds.ts'
import { UsageError, placesOf } from './options.ts'
import type { CommandLine } from './options.ts'
import { withServices } from './opened.ts'
import { ProgressLine, data, tell } from './output.ts'

export async function importVerb(line: CommandLine): Promise<number> {
  const files = filesOf(line.rest)
  const places = placesOf(line)
  return withServices(places, async ({ services }) => {
    for (const [kind, path] of files) {
      const report = await importFile(services.imports, kind, path)
      if (line.flag('json')) data(report)
    }
    return 0
  })
}

/** With progress and a closing line on stderr, unless it is to be quiet. */
export async function importFile(
  imports: Imports,
  kind: ImportKind,
  path: string,
  quiet = false,
): Promise<ImportReport> {
  if (quiet) return imports.run(kind, path)
  const progress = new ProgressLine()
  const report = await imports
    .run(kind, path, ({ lines, linesPerSecond, etaSeconds }) => {
      const left = etaSeconds === null ? '' : `, about ${etaSeconds} s left`
      progress.show(`${kind}: ${lines} lines, ${linesPerSecond}/s${left}`, systemClock.now())
    })
    .finally(() => progress.end())
  tell(reportLine(report))
  return report
}

function reportLine(report: ImportReport): string {
  const { kind, lines, written, unchanged, rejected, seconds, resumedAfter } = report
  const resumed = resumedAfter > 0 ? `, went on after line ${resumedAfter}` : ''
  const where = rejected > 0 ? ` (see ${report.rejectedFile})` : ''
  return `${kind}: ${lines} lines in ${seconds.toFixed(1)} s${resumed}: ${written} written, ${unchanged} unchanged, ${rejected} rejected${where}`
}

function filesOf(rest: readonly string[]): [ImportKind, string][] {
  const [first, ...paths] = rest
  if (first === undefined)
    throw new UsageError(
      `import KIND FILE, KIND one of ${IMPORT_KINDS.join(', ')}; or import FILE… named KIND.csv.`,
    )
  if (isKind(first) && paths.length > 0) return paths.map((path) => [first, path])
  const named = rest.map((path): [ImportKind, string] => {
    const kind = basename(path, '.csv')
    if (!isKind(kind)) throw new UsageError(`${path} is not named after a kind: write import KIND ${path}.`)
    return [kind, path]
  })
  return named.sort(([a], [b]) => IMPORT_KINDS.indexOf(a) - IMPORT_KINDS.indexOf(b))
}

function isKind(text: string): text is ImportKind {
  return IMPORT_KINDS.includes(text as ImportKind)
}
