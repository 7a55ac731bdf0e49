/**
 * A fault for every finding, set on real stores: what doctor must say is that, and nothing else.
 *
 * Those that need a file system of their own are in test/doctor-disk, because only root can mount one.
 */
import { chmodSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished } from 'vitest'
import { open } from '../../src/index.ts'
import type { FindingId } from '../../src/index.ts'
import { toolPath } from '../../scripts/services/tools.ts'
import { privateRedis, privateRedisCluster } from '../servers/private-servers.ts'
import { HEALTHY_REDIS, configFile, dataFolder, proxyThatSays, withoutBun } from './stores.ts'
import type { Examination, Stores } from './stores.ts'

export interface Fault {
  set(stores: Stores): Promise<Examination>
  readonly found: RegExp
  /** Where it is not the one of the catalogue. */
  readonly fix?: RegExp
  /** What cannot but come with it. */
  readonly also?: readonly FindingId[]
}

export type Faults = { readonly [Id in FindingId]?: Fault }

const NOBODY = 65_534

const embedded = (folder: string): Examination => ({ args: ['--data', folder] })

/** `statfs` of the program answers this magic number. */
function onFileSystem(magic: string, args: readonly string[]): Examination {
  const strace = toolPath('strace') ?? 'strace'
  const inject = `inject=statfs:poke_exit=@arg2=${magic}`
  return { args, wrapper: [strace, '-f', '-qq', '-o', '/dev/null', '-e', 'trace=statfs', '-e', inject] }
}

const KEYED = (collation: string): string =>
  `CREATE TABLE person (id VARCHAR(9) COLLATE ${collation} PRIMARY KEY, name VARCHAR(3), spillway_version BIGINT NOT NULL DEFAULT 1)`

export const faults = {
  'bun-missing': {
    set: async () => withoutBun(['--data', await dataFolder()]),
    found: /Bun was not found/,
  },

  'disk-network': {
    set: async () => onFileSystem('6969000000000000', ['--data', await dataFolder()]),
    found: /is on NFS/,
  },
  'file-permissions': {
    set: async () => {
      const folder = await dataFolder()
      // Root may read and write everything, so that another user has to look.
      chmodSync(folder, 0o755)
      for (const file of readdirSync(folder)) chmodSync(join(folder, file), 0o600)
      return process.getuid?.() === 0
        ? { args: ['--data', folder], uid: NOBODY }
        : embedded((chmodSync(join(folder, 'app.db'), 0), folder))
    },
    found: /cannot be read and written by this user/,
    fix: /chown the folder, chmod u\+rw \S+/,
    also: ['sqlite-unreadable', 'stores-unopened'],
  },
  'file-world-writable': {
    set: async () => {
      const folder = await dataFolder()
      chmodSync(join(folder, 'app.db'), 0o666)
      return embedded(folder)
    },
    found: /app\.db can be written by every user \(mode 666\)/,
    fix: /^chmod o-w \S+app\.db$/,
  },

  'sqlite-not-wal': {
    set: async () => {
      const folder = await dataFolder()
      const connection = new DatabaseSync(join(folder, 'app.db'))
      connection.exec('PRAGMA journal_mode = DELETE')
      connection.close()
      return embedded(folder)
    },
    found: /app\.db is in journal mode delete/,
    fix: /sqlite3 \S+app\.db 'PRAGMA journal_mode=WAL'/,
  },
  'sqlite-damaged': {
    set: async () => {
      const folder = await dataFolder()
      const file = join(folder, 'app.db')
      const connection = new DatabaseSync(file)
      const [{ page } = { page: 0 }] = connection
        .prepare(`SELECT rootpage AS page FROM sqlite_schema WHERE name = 'spillway_records'`)
        .all() as { page: number }[]
      const [{ bytes } = { bytes: 0 }] = connection
        .prepare('SELECT page_size AS bytes FROM pragma_page_size')
        .all() as { bytes: number }[]
      connection.close()
      writeSync(openSync(file, 'r+'), Buffer.alloc(bytes, 0xaa), 0, bytes, (page - 1) * bytes)
      return embedded(folder)
    },
    found: /app\.db is damaged: /,
  },
  'sqlite-unreadable': {
    set: async () => {
      const folder = await dataFolder()
      for (const end of ['-wal', '-shm']) rmSync(join(folder, `app.db${end}`), { force: true })
      writeFileSync(
        join(folder, 'app.db'),
        'This is a text, and has been one for all of its life.\n'.repeat(99),
      )
      return embedded(folder)
    },
    found: /app\.db cannot be read: .*not a database/,
    also: ['stores-refused'],
  },

  'redis-unreachable': {
    set: async (stores) => ({
      args: [...stores.fused({ redis: 'redis://127.0.0.1:1/0' }), '--open-timeout-ms', '500ms'],
    }),
    found: /127\.0\.0\.1:1 does not answer/,
  },
  'redis-refused': {
    set: async (stores) => ({ args: stores.fused({ redis: `${stores.redis.url.slice(0, -1)}99` }) }),
    found: /names database 99|DB index is out of range/,
  },
  'redis-version': {
    set: async (stores) => {
      const port = await proxyThatSays(stores.redis.port, /redis_version:\d/, 'redis_version:6')
      return { args: stores.fused({ redis: `redis://127.0.0.1:${port}/0` }) }
    },
    found: /^version 6\./,
  },
  'redis-role': {
    set: async (stores) => {
      const replica = await privateRedis({ ...HEALTHY_REDIS, replicaOf: stores.redis.port }, onTestFinished)
      return { args: stores.fused({ redis: replica.url }) }
    },
    found: /^role = slave$/,
  },
  'redis-cluster-client': {
    set: async (stores) => {
      const healthy = ['--maxmemory', '64mb', '--maxmemory-policy', 'volatile-lru']
      const { masters } = await privateRedisCluster({ args: healthy }, onTestFinished)
      return { args: stores.fused({ redis: masters[0]?.url ?? '' }) }
    },
    found: /cluster-enabled = yes/,
  },
  'redis-snapshot-failed': {
    set: async (stores) => {
      const redis = await stores.another()
      // A folder is in the way of the file.
      mkdirSync(join(redis.folder, 'dump.rdb'))
      await redis.ask('BGSAVE')
      await expect.poll(() => redis.ask('INFO persistence')).toContain('rdb_last_bgsave_status:err')
      return { args: stores.fused({ redis: redis.url }) }
    },
    found: /could not write a snapshot/,
  },
  'redis-settings-hidden': {
    set: async (stores) => {
      onTestFinished(async () => {
        await stores.redis.ask('ACL DELUSER looker')
      })
      await stores.redis.ask('ACL SETUSER looker on >secret ~* +@all -config')
      return { args: stores.fused({ redis: stores.redis.url.replace('//', '//looker:secret@') }) }
    },
    found: /CONFIG is not allowed/,
  },
  'redis-appendonly': {
    set: (stores) => stores.configured('appendonly', 'no', 'yes'),
    found: /^appendonly = no/,
  },
  'redis-appendfsync': {
    set: (stores) => stores.configured('appendfsync', 'everysec', 'always'),
    found: /^appendfsync = everysec/,
  },
  'redis-fsync-on-rewrite': {
    set: (stores) => stores.configured('no-appendfsync-on-rewrite', 'yes', 'no'),
    found: /^no-appendfsync-on-rewrite = yes/,
  },
  'redis-snapshots': {
    set: (stores) => stores.configured('save', '3600 1', ''),
    found: /^save = "3600 1"/,
  },
  'redis-eviction': {
    set: (stores) => stores.configured('maxmemory-policy', 'allkeys-lru', 'volatile-lru'),
    found: /^maxmemory-policy = allkeys-lru/,
  },
  'redis-maxmemory': {
    set: (stores) => stores.configured('maxmemory', '0', '64mb'),
    found: /^maxmemory = 0/,
  },
  'redis-replicas-missing': {
    set: async (stores) => {
      const redis = await stores.another(['--min-replicas-to-write', '1', '--repl-backlog-ttl', '0'])
      return { args: [...stores.fused({ redis: redis.url }), '--wait-replicas', '1'] }
    },
    found: /^0 replicas are connected, and waitReplicas is 1/,
  },
  'redis-min-replicas': {
    set: async (stores) => {
      const redis = await stores.another(['--repl-backlog-ttl', '0'])
      await privateRedis({ replicaOf: redis.port }, onTestFinished)
      return { args: [...stores.fused({ redis: redis.url }), '--wait-replicas', '1'] }
    },
    found: /^min-replicas-to-write = 0/,
    fix: /^CONFIG SET min-replicas-to-write 1,/,
  },
  'redis-backlog-ttl': {
    set: async (stores) => {
      const redis = await stores.another(['--min-replicas-to-write', '1'])
      await privateRedis({ replicaOf: redis.port }, onTestFinished)
      return { args: [...stores.fused({ redis: redis.url }), '--wait-replicas', '1'] }
    },
    found: /^repl-backlog-ttl = 3600/,
  },

  'mariadb-unreachable': {
    set: async (stores) => ({ args: stores.fused({ mariadb: 'mysql://root@127.0.0.1:1/app' }) }),
    found: /ECONNREFUSED/,
  },
  'mariadb-refused': {
    set: async (stores) => ({
      args: stores.fused({ mariadb: stores.mariadb.url.replace('root@', 'root:wrong@') }),
    }),
    found: /Access denied/,
  },
  'mariadb-rights': {
    set: async (stores) => {
      const database = await stores.emptyDatabase()
      const name = new URL(database).pathname.slice(1)
      await stores.mariadb.ask(
        "CREATE OR REPLACE USER 'small'@'%' IDENTIFIED BY 'secret'",
        `GRANT SELECT, INSERT, UPDATE, DELETE ON ${name}.* TO 'small'@'%'`,
      )
      return { args: stores.fused({ mariadb: database.replace('root@', 'small:secret@') }) }
    },
    found: /^the user small@% has no right to CREATE in this database$/,
  },
  'mariadb-other-server': {
    set: (stores) => stores.startedWith('--version=8.0.36'),
    found: /^version 8\.0\.36/,
  },
  'mariadb-version': {
    set: (stores) => stores.startedWith('--version=10.5.1-MariaDB'),
    found: /^version 10\.5\.1/,
  },
  'mariadb-flush-log': {
    set: (stores) => stores.global('innodb_flush_log_at_trx_commit', '2', '1'),
    found: /^innodb_flush_log_at_trx_commit = 2$/,
  },
  'mariadb-flush-method': {
    set: (stores) => stores.startedWith('--innodb-flush-method=nosync'),
    found: /^innodb_flush_method = nosync$/,
  },
  'mariadb-doublewrite': {
    set: (stores) => stores.startedWith('--skip-innodb-doublewrite'),
    found: /^innodb_doublewrite = OFF$/,
  },
  'mariadb-sync-binlog': {
    set: (stores) => stores.global('sync_binlog', '0', '1'),
    found: /^sync_binlog = 0$/,
  },
  'mariadb-read-only': {
    set: (stores) => stores.global('read_only', 'ON', 'OFF'),
    found: /^read_only = ON$/,
  },
  'mariadb-innodb-read-only': {
    set: (stores) => stores.startedWith('--innodb-read-only', '--skip-log-bin'),
    found: /^innodb_read_only = ON$/,
    // It writes no page, and says so.
    also: ['mariadb-doublewrite'],
  },
  'mariadb-force-recovery': {
    set: (stores) => stores.startedWith('--innodb-force-recovery=1'),
    found: /^innodb_force_recovery = 1$/,
  },
  'mariadb-packet': {
    set: (stores) => stores.global('max_allowed_packet', '1048576', '16777216'),
    found: /^max_allowed_packet = 1048576: a value of 1 MiB would never land$/,
  },
  'mariadb-packet-large': {
    set: (stores) => stores.global('max_allowed_packet', '4194304', '16777216'),
    found: /^max_allowed_packet = 4194304: values of more than 2 MiB/,
  },
  'mariadb-connections': {
    set: (stores) => stores.global('max_connections', '20', '200'),
    found: /^max_connections = 20:/,
  },
  'mariadb-prepared': {
    set: (stores) => stores.global('max_prepared_stmt_count', '100', '16382'),
    found: /^max_prepared_stmt_count = 100:/,
  },
  'mariadb-binlog-cache': {
    set: (stores) => stores.global('max_binlog_cache_size', '1048576', '18446744073709547520'),
    found: /^max_binlog_cache_size = 1048576:/,
  },
  'mariadb-binlog-format': {
    set: (stores) => stores.global('binlog_format', "'STATEMENT'", "'MIXED'"),
    found: /^binlog_format = STATEMENT/,
  },
  'mariadb-galera': {
    set: (stores) => stores.startedWith('--wsrep-on=ON', '--binlog-format=ROW'),
    found: /^wsrep_on = ON/,
  },

  'tables-unfit': {
    set: async (stores) => {
      const database = await stores.emptyDatabase()
      const name = new URL(database).pathname.slice(1)
      await stores.mariadb.ask(`USE ${name}`, KEYED('utf8mb4_general_ci'))
      return { args: [...stores.fused({ mariadb: database }), '--config', configFile("{ name: 'name' }")] }
    },
    found: /key column "id" compares with utf8mb4_general_ci/,
  },
  'tables-missing': {
    set: async (stores) => {
      const { database, args } = await stores.begun()
      const name = new URL(database).pathname.slice(1)
      await stores.mariadb.ask(`USE ${name}`, KEYED('utf8mb4_nopad_bin'))
      return {
        args: [...args, '--config', configFile("{ name: 'name', age: { column: 'age', as: 'int64' } }")],
      }
    },
    found: /^1 statements are missing$/,
    also: ['stores-refused'],
  },

  'stores-mismatch': {
    set: async () => {
      const folder = await dataFolder()
      for (const end of ['', '-wal', '-shm']) rmSync(join(folder, `journal.db${end}`), { force: true })
      return embedded(folder)
    },
    found: /journal/,
  },
  'stores-refused': {
    set: async (stores) => {
      const { args } = await stores.begun()
      return { args: [...args, '--partitions', '3'] }
    },
    found: /has 4 partitions, 3 are configured/,
  },
  'stores-unopened': {
    set: async (stores) => {
      const redis = await stores.another()
      const database = await stores.emptyDatabase()
      const tier = await open({ front: redis.url, journal: 'same', database })
      await tier.close()
      await redis.ask(`REPLICAOF 127.0.0.1 ${stores.redis.port}`)
      await expect.poll(() => redis.ask('INFO replication')).toContain('master_link_status:up')
      return {
        args: [...stores.fused({ redis: redis.url, mariadb: database }), '--open-timeout-ms', '1s'],
      }
    },
    found: /./,
    also: ['redis-role'],
  },
  'writes-parked': {
    set: async (stores) => {
      const database = await stores.emptyDatabase()
      const name = new URL(database).pathname.slice(1)
      await stores.mariadb.ask(`USE ${name}`, KEYED('utf8mb4_nopad_bin'))
      const config = configFile("{ name: 'name' }")
      const { default: options } = (await import(config)) as { default: object }
      const where = { front: stores.redis.url, journal: 'same', database, namespace: name }
      const tier = await open({ ...where, ...options })
      const receipt = await tier.records('people').put('a', { name: 'too long' })
      await expect(receipt.landed()).rejects.toMatchObject({ code: 'parked' })
      await tier.close()
      return {
        args: [...stores.fused({ mariadb: database }), '--namespace', name, '--config', config],
      }
    },
    found: /^1 writes are parked$/,
  },
} as const satisfies Faults
