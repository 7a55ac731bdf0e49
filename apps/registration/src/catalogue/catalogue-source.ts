/**
 * The catalogue of the present revision, read from SQL when the revision changed: an import raises it when all
 * its rows have landed. While a new one is being read, the old one counts.
 */
import type { ReadOnlySql } from '../store/sql.ts'
import { Catalogue } from './catalogue.ts'
import type { ListedMajor, ListedSchool } from './catalogue.ts'

const PAGE_ROWS = 1_000

export class CatalogueSource {
  readonly #sql: ReadOnlySql
  #catalogue: Catalogue | undefined
  #reading: Promise<Catalogue> | undefined

  constructor(sql: ReadOnlySql) {
    this.#sql = sql
  }

  /** The first one is waited for. */
  current(revision: number): Catalogue | Promise<Catalogue> {
    const known = this.#catalogue
    if (known?.revision === revision) return known
    this.#reading ??= this.#read(revision).finally(() => (this.#reading = undefined))
    if (known === undefined) return this.#reading
    this.#reading.catch(() => undefined)
    return known
  }

  async #read(revision: number): Promise<Catalogue> {
    const schools: ListedSchool[] = []
    for (let after = ''; ;) {
      const page = await this.#sql.all<ListedSchool>(
        `SELECT school, name, name_en AS nameEn, city FROM school WHERE school > ? ORDER BY school LIMIT ${PAGE_ROWS}`,
        [after],
      )
      for (const row of page) schools.push({ ...row })
      if (page.length < PAGE_ROWS) break
      after = (page.at(-1) as ListedSchool).school
    }
    const majors: ListedMajor[] = []
    for (let after = ['', '']; ;) {
      const [school, major] = after as [string, string]
      const page = await this.#sql.all<ListedMajor>(
        `SELECT school, major, name, name_en AS nameEn, seats FROM major
         WHERE school > ? OR (school = ? AND major > ?) ORDER BY school, major LIMIT ${PAGE_ROWS}`,
        [school, school, major],
      )
      for (const row of page) majors.push({ ...row, seats: Number(row.seats) })
      if (page.length < PAGE_ROWS) break
      const last = page.at(-1) as ListedMajor
      after = [last.school, last.major]
    }
    this.#catalogue = new Catalogue(revision, schools, majors)
    return this.#catalogue
  }
}
