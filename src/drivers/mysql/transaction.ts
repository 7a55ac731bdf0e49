/**
 * A transaction on a connection whose session begins them by itself.
 *
 * Before COMMIT is sent nothing has happened, whatever fails. After it, no answer, or an error in place of one, says
 * nothing: `outcome-unknown`. What was left open is rolled back, or its connection closed, which does the same.
 */
import { SpillwayError } from '../../errors.ts'
import type { MysqlConnection } from './connection.ts'

export type Ending<T> = { readonly roll: 'forward' | 'back'; readonly value: T }

export async function committed<T>(connection: MysqlConnection, work: () => Promise<Ending<T>>): Promise<T> {
  let ending: Ending<T>
  try {
    ending = await work()
  } catch (error) {
    await rollBack(connection)
    throw error
  }
  if (ending.roll === 'back') await rollBack(connection)
  else await commit(connection)
  return ending.value
}

/** Several reads of one state, on a connection that otherwise begins no transactions. */
export async function inSnapshot<T>(connection: MysqlConnection, read: () => Promise<T>): Promise<T> {
  await connection.run('START TRANSACTION WITH CONSISTENT SNAPSHOT')
  try {
    return await read()
  } finally {
    await rollBack(connection)
  }
}

async function commit(connection: MysqlConnection): Promise<void> {
  try {
    await connection.run('COMMIT')
  } catch (cause) {
    connection.destroy()
    throw new SpillwayError(
      'outcome-unknown',
      `COMMIT was answered by ${(cause as Error).message}: read the position to learn whether it happened.`,
      { cause },
    )
  }
}

async function rollBack(connection: MysqlConnection): Promise<void> {
  if (connection.lost) return
  await connection.run('ROLLBACK').catch(() => connection.destroy())
}
