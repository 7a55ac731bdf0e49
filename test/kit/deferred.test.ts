import { expect, test } from 'vitest'
import { deferred } from '../../src/kit/deferred.ts'

test('the first decision counts and later ones are ignored', async () => {
  const first = deferred<number>()
  first.resolve(1)
  first.resolve(2)
  first.reject(new Error('too late'))
  await expect(first.promise).resolves.toBe(1)

  const failure = new Error('refused')
  const second = deferred<number>()
  second.reject(failure)
  second.resolve(3)
  await expect(second.promise).rejects.toBe(failure)
})
