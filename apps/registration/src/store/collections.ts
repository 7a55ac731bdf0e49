/** What goes through Spillway: one collection a table, field by field. */
import { collection } from 'spillway'
import type { Form } from '../domain/form.ts'

export interface Candidate {
  /** 14 digits: what the candidate is called in the exam. */
  readonly number: string
  readonly name: string
  readonly highSchool: string
  readonly class: string
  /** What opens the first sign-in, as it was imported (see people/secret.ts). */
  readonly firstSecret: string
}

export interface ExamResult {
  readonly track: string
  readonly subjects: readonly { readonly subject: string; readonly score: number }[]
  readonly total: number
  readonly rank: number
}

export interface School {
  readonly name: string
  readonly nameEn: string
  readonly city: string
}

export interface Major {
  readonly name: string
  readonly nameEn: string
  readonly seats: number
}

export interface SchoolClass {
  readonly name: string
  readonly highSchool: string
  readonly teacher: string
}

export interface Teacher {
  readonly name: string
  readonly highSchool: string
  readonly firstSecret: string
}

export interface Credential {
  readonly secret: string
  readonly because: 'first-sign-in' | 'reset' | 'sign-out' | 'created'
  readonly setAt: string
}

export interface AuditEntry {
  readonly at: string
  readonly role: string
  readonly person: string
  readonly action: string
  readonly subject: string
}

const text = (column: string) => ({ column, as: 'text' }) as const
const instant = (column: string) => ({ column, as: 'instant' }) as const
const json = (column: string) => ({ column, as: 'json' }) as const

export const candidates = collection<Candidate>('candidate', {
  table: {
    name: 'candidate',
    key: '{candidate}',
    columns: {
      number: text('number'),
      name: text('name'),
      highSchool: text('high_school'),
      class: text('class'),
      firstSecret: text('first_secret'),
    },
  },
})

export const forms = collection<Form>('form', {
  history: true,
  table: {
    name: 'form',
    key: '{candidate}',
    check: true,
    columns: {
      state: text('state'),
      choices: json('choices'),
      saves: 'saves',
      receipt: text('receipt'),
      savedAt: instant('saved_at'),
      confirmedAt: instant('confirmed_at'),
    },
  },
})

export const examResults = collection<ExamResult>('exam_result', {
  table: {
    name: 'exam_result',
    key: '{candidate}',
    columns: {
      track: text('track'),
      subjects: json('subjects'),
      total: 'total',
      rank: 'rank_in_track',
    },
  },
})

export const schools = collection<School>('school', {
  table: {
    name: 'school',
    key: '{school}',
    columns: { name: text('name'), nameEn: text('name_en'), city: text('city') },
  },
})

export const majors = collection<Major>('major', {
  table: {
    name: 'major',
    key: '{school}/{major}',
    columns: { name: text('name'), nameEn: text('name_en'), seats: 'seats' },
  },
})

export const schoolClasses = collection<SchoolClass>('school_class', {
  table: {
    name: 'school_class',
    key: '{class}',
    columns: { name: text('name'), highSchool: text('high_school'), teacher: text('teacher') },
  },
})

export const teachers = collection<Teacher>('teacher', {
  table: {
    name: 'teacher',
    key: '{teacher}',
    columns: { name: text('name'), highSchool: text('high_school'), firstSecret: text('first_secret') },
  },
})

export const credentials = collection<Credential>('credential', {
  table: {
    name: 'credential',
    key: '{role}/{person}',
    columns: { secret: text('secret'), because: text('because'), setAt: instant('set_at') },
  },
})

export const audits = collection<AuditEntry>('audit', {
  table: {
    name: 'audit',
    key: '{entry}',
    columns: {
      at: instant('at'),
      role: text('role'),
      person: text('person'),
      action: text('action'),
      subject: text('subject'),
    },
  },
})

export const settings = collection<{ readonly value: unknown }>('setting', {
  table: { name: 'setting', key: '{setting}', columns: { value: json('value') } },
})

export const importJobs = collection<{ readonly progress: unknown }>('import_job', {
  table: { name: 'import_job', key: '{kind}/{digest}', columns: { progress: json('progress') } },
})

export const ALL_COLLECTIONS = [
  candidates,
  forms,
  examResults,
  schools,
  majors,
  schoolClasses,
  teachers,
  credentials,
  audits,
  settings,
  importJobs,
]
