/**
 * What the user of the URL may do in its database, as MariaDB's own tables of privileges say it. Rights that come by a
 * role are not followed: with one, nothing is said.
 */
import { wrong } from '../../kit/finding.ts'
import type { Finding } from '../../kit/finding.ts'
import { ownDdl } from './ddl.ts'
import type { MysqlConnection } from './connection.ts'

const PUBLIC = "'PUBLIC'@''"
const LANDING = ['SELECT', 'INSERT', 'UPDATE', 'DELETE']

export async function rightsFindings(connection: MysqlConnection): Promise<Finding[]> {
  const [who] = await connection.ask('SELECT CURRENT_USER(), CURRENT_ROLE()')
  const [user, role] = [String(who?.[0]), who?.[1] ?? null]
  if (role !== null) return []
  const at = user.lastIndexOf('@')
  const grantee = `'${user.slice(0, at)}'@'${user.slice(at + 1)}'`
  const granted = await connection.rows(
    `SELECT privilege_type FROM information_schema.user_privileges WHERE grantee IN (?, ?)
     UNION SELECT privilege_type FROM information_schema.schema_privileges
       WHERE grantee IN (?, ?) AND DATABASE() LIKE table_schema
     UNION SELECT privilege_type FROM information_schema.table_privileges
       WHERE grantee IN (?, ?) AND table_schema = DATABASE() AND table_name = 'spillway_position'`,
    Array.from({ length: 3 }, () => [grantee, PUBLIC]).flat(),
  )
  const has = new Set(granted.map((row) => String(row[0]).toUpperCase()))
  const there = await connection.rows(
    `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'spillway\\_%'`,
  )
  // A user without any right on a table does not even see that it is there.
  const needed = there.length < ownDdl().length ? [...LANDING, 'CREATE'] : LANDING
  const missing = needed.filter((right) => !has.has(right))
  return missing.length === 0
    ? []
    : [wrong('mariadb-rights', `the user ${user} has no right to ${missing.join(', ')} in this database`)]
}
