import { describe, expect, test } from 'vitest'
import { profileOf } from '../../src/options/profile.ts'
import { parseStoreUrl, redactUrl } from '../../src/options/store-url.ts'
import { checkTierOptions } from '../../src/options/tier-options.ts'

const urls = (front: string, journal: string, database = 'sqlite:app.db') => ({ front, journal, database })

describe('the pairs of front and journal', () => {
  test.each([
    ['memory:', 'sqlite:journal.db', 'embedded'],
    ['redis://127.0.0.1:6379/0', 'same', 'redis'],
    ['redis://127.0.0.1:6379', 'sqlite:./j.db', 'redis+sqlite'],
    ['rediss://cache.example:6380/1', 'same', 'redis'],
  ])('%s with %s is %s, with any database', (front, journal, name) => {
    expect(profileOf(urls(front, journal)).name).toBe(name)
    expect(profileOf(urls(front, journal, 'mysql://root@127.0.0.1:3306/app')).name).toBe(name)
  })

  test.each([
    ['memory:', 'same', 'front memory: with journal sqlite:PATH'],
    ['memory:', 'redis://127.0.0.1/0', 'front memory: with journal sqlite:PATH'],
    ['redis://127.0.0.1/0', 'redis://127.0.0.1/0', 'front redis://HOST:PORT/DB with journal same'],
    ['redis://127.0.0.1/0', 'kafka://127.0.0.1:9092/p', 'front redis://HOST:PORT/DB with journal same'],
    ['sqlite:front.db', 'sqlite:journal.db', 'front memory: with journal sqlite:PATH'],
  ])('%s with %s is refused and names the nearest', (front, journal, nearest) => {
    expect(() => profileOf(urls(front, journal))).toThrow(
      expect.objectContaining({
        code: 'invalid',
        detail: expect.stringContaining(`the nearest is ${nearest}`),
      }),
    )
  })

  test('a database that is none is refused, without its password', () => {
    expect(() => profileOf(urls('memory:', 'sqlite:j.db', 'redis://u:secret@127.0.0.1/0'))).toThrow(
      expect.objectContaining({ code: 'invalid', detail: expect.not.stringContaining('secret') }),
    )
  })

  test('replicas are waited for in the profile redis only, and change its promise', () => {
    const redis = urls('redis://127.0.0.1/0', 'same')
    expect(profileOf(redis, 1).promise).not.toBe(profileOf(redis).promise)
    expect(() => profileOf(urls('memory:', 'sqlite:j.db'), 1)).toThrow(/waitReplicas/)
  })
})

describe('store URLs', () => {
  test.each(['sqlite:', 'redis://', 'mysql:///app', 'redsi://127.0.0.1', 'journal.db', ''])(
    '%j is refused',
    (url) => {
      expect(() => parseStoreUrl('database', url)).toThrow(expect.objectContaining({ code: 'invalid' }))
    },
  )

  test('a misspelt scheme is told the one that was meant', () => {
    expect(() => parseStoreUrl('front', 'redsi://127.0.0.1')).toThrow(/redis/)
  })

  test('only the journal can be the same', () => {
    expect(() => parseStoreUrl('front', 'same')).toThrow(/only the journal/)
  })

  test('a path may be written with slashes before it', () => {
    expect(parseStoreUrl('journal', 'sqlite:///var/lib/j.db').path).toBe('/var/lib/j.db')
    expect(parseStoreUrl('journal', 'sqlite:j.db').path).toBe('j.db')
  })

  test('a password is never printed', () => {
    expect(redactUrl('mysql://root:p%40ss@db:3306/app')).toBe('mysql://root:***@db:3306/app')
    expect(redactUrl('redis://:secret@h:1/0')).toBe('redis://:***@h:1/0')
    expect(redactUrl('sqlite:./a:b@c')).toBe('sqlite:./a:b@c')
    expect(redactUrl('mysql://root:a/b@c#d?e@db:3306/app')).toBe('mysql://root:***@db:3306/app')
    expect(redactUrl('redis://h:6379/0?namespace=a')).toBe('redis://h:6379/0?namespace=a')
  })
})

describe("a program's own clients", () => {
  const options = { front: 'memory:', journal: 'sqlite:j.db', database: 'sqlite:a.db' }

  test('must be what they are called', () => {
    const pool = { getConnection: () => undefined }
    expect(() => checkTierOptions({ ...options, clients: { mysql: pool } })).not.toThrow()
    expect(() => checkTierOptions({ ...options, clients: { redis: pool } })).toThrow(/clients\.redis/)
    expect(() => checkTierOptions({ ...options, clients: { mysq: pool } as object })).toThrow(/mysql/)
  })
})

describe('a URL with a password that no URL can carry', () => {
  test.each(['mysql://root:se#cret@db/app', 'mysql://root:se/cret@db/app', 'mysql://root:100%cret@db/app'])(
    '%s is invalid, says how to write it, and is not shown',
    (database) => {
      expect(() => profileOf(urls('memory:', 'sqlite:j.db', database))).toThrow(
        expect.objectContaining({ code: 'invalid', detail: expect.stringMatching(/^(?!.*cret).*%25/s) }),
      )
    },
  )

  test('a scheme that asks for TLS is not answered with one that has none', () => {
    expect(() => parseStoreUrl('database', 'mysqls://db/app')).toThrow(/\?ssl=true/)
  })
})
