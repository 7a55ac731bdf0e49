/** Which of the two databases a URL names; its client is loaded only then. */
import type { OpenedSql } from './sql.ts'

export async function openSql(url: string): Promise<OpenedSql> {
  if (url.startsWith('sqlite:')) {
    const { sqliteSql } = await import('./sql-sqlite.ts')
    return sqliteSql(url.slice('sqlite:'.length))
  }
  const { mysqlSql } = await import('./sql-mysql.ts')
  return mysqlSql(url)
}
