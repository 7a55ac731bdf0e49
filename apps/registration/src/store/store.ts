/** Opens everything that lasts: tables, tier and a reader of lists. */
import { open } from 'spillway'
import type { Records, Tier, TierOptions } from 'spillway'
import type { Form } from '../domain/form.ts'
import type {
  AuditEntry,
  Candidate,
  Credential,
  ExamResult,
  Major,
  School,
  SchoolClass,
  Teacher,
} from './collections.ts'
import {
  ALL_COLLECTIONS,
  audits,
  candidates,
  credentials,
  examResults,
  forms,
  importJobs,
  majors,
  schoolClasses,
  schools,
  settings,
  teachers,
} from './collections.ts'
import { openSql } from './open-sql.ts'
import type { ReadOnlySql } from './sql.ts'
import { tableStatements } from './tables.ts'

export interface Store extends AsyncDisposable {
  readonly tier: Tier
  readonly sql: ReadOnlySql
  readonly candidates: Records<Candidate>
  readonly forms: Records<Form>
  readonly examResults: Records<ExamResult>
  readonly schools: Records<School>
  readonly majors: Records<Major>
  readonly schoolClasses: Records<SchoolClass>
  readonly teachers: Records<Teacher>
  readonly credentials: Records<Credential>
  readonly audits: Records<AuditEntry>
  readonly settings: Records<{ readonly value: unknown }>
  readonly importJobs: Records<{ readonly progress: unknown }>
  close(options?: { readonly drainMs?: number }): ReturnType<Tier['close']>
}

export type StoreOptions = Omit<TierOptions, 'collections'>

export async function openStore(options: StoreOptions): Promise<Store> {
  const opened = await openSql(options.database)
  const dialect = options.database.startsWith('sqlite:') ? 'sqlite' : 'mysql'
  await opened.createTables(tableStatements(dialect))
  const tier = await open({ ...options, collections: ALL_COLLECTIONS as never })
  let sql: ReadOnlySql
  try {
    sql = await opened.readOnly()
  } catch (error) {
    await tier.close()
    throw error
  }
  let closing: ReturnType<Tier['close']> | undefined
  const close: Store['close'] = (how) => {
    closing ??= sql.close().then(() => tier.close(how))
    return closing
  }
  return {
    tier,
    sql,
    candidates: tier.records(candidates),
    forms: tier.records(forms),
    examResults: tier.records(examResults),
    schools: tier.records(schools),
    majors: tier.records(majors),
    schoolClasses: tier.records(schoolClasses),
    teachers: tier.records(teachers),
    credentials: tier.records(credentials),
    audits: tier.records(audits),
    settings: tier.records(settings),
    importJobs: tier.records(importJobs),
    close,
    [Symbol.asyncDispose]: async () => {
      await close()
    },
  }
}
