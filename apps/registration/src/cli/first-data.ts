/** What a site needs before anybody can use it: people to look at, and a first member of staff. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { instantOf } from '../clock.ts'
import { generateFiles } from '../generate/files.ts'
import { candidateId } from '../generate/people.ts'
import { SessionTokens } from '../people/session-token.ts'
import { writtenLanded } from '../store/landing.ts'
import { openServices } from './opened.ts'
import type { Opened } from './opened.ts'
import type { Places } from './options.ts'
import { tell } from './output.ts'
import { importFile } from './verb-import.ts'

export const STAFF_LOGIN = 'admin'
const DAY_MS = 86_400_000
const DRAIN_MS = 120_000

/** Generated people, where nobody is there, in the tables when it resolves; with a window around now. */
export async function fill(opened: Opened, people: number, quiet = false): Promise<void> {
  const { store, clock } = opened.services
  if ((await store.candidates.get(candidateId(0))) !== undefined) return
  if (!quiet) tell(`Nobody is here yet: making ${people} candidates, their classes, results and a catalogue.`)
  const folder = await mkdtemp(join(tmpdir(), 'registration-'))
  try {
    const files = await generateFiles({
      people,
      folder,
      codeKey: opened.keys.oneTimeCode,
      readySecrets: false,
    })
    for (const [kind, path] of files) await importFile(opened.services.imports, kind, path, quiet)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  const nowMs = clock.now()
  await opened.services.settings.setWindow({
    opens: instantOf(nowMs - DAY_MS),
    closes: instantOf(nowMs + 7 * DAY_MS),
  })
  // Lists come from the tables: whoever comes first is to find everybody.
  if (!(await writtenLanded(store, clock, DRAIN_MS)))
    tell('The database is far behind: lists of classes are not complete yet.')
}

/** The first member of staff, where there is none: the code is told once, at the first start. */
export async function firstStaff({ services }: Opened): Promise<void> {
  const { store, signIn } = services
  if ((await store.credentials.get(`staff/${STAFF_LOGIN}`)) !== undefined) return
  const code = await signIn.reset({ role: 'staff', id: STAFF_LOGIN }, 'created')
  tell(`Staff: login ${STAFF_LOGIN}, one-time code ${code} (told only now; reset-password makes another).`)
}

/** People, and a member of staff whose code is known. */
export async function prepared(
  places: Places,
  people: number,
  quiet = false,
): Promise<{ code: string; tokens: SessionTokens }> {
  const opened: Opened = await openServices(places)
  const { store, signIn } = opened.services
  try {
    await fill(opened, people, quiet)
    const code = await signIn.reset({ role: 'staff', id: STAFF_LOGIN }, 'created')
    return { code, tokens: new SessionTokens(opened.keys.session) }
  } finally {
    await store.close({ drainMs: DRAIN_MS })
  }
}
