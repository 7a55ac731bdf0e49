/**
 * The catalogue of findings: everything that `spillway doctor` can find wrong, what it means for what is promised, and
 * what to do about it.
 *
 * An id is a contract: programs and runbooks branch on it, and docs/reference/doctor.md is made from this table. The
 * finding itself says what was seen on this machine, and has a fix of its own where that depends on what was seen.
 *
 *   bad       the promise does not hold, or writes would not land; exit 1
 *   warning   it holds, and somebody should know; exit 0
 */

export interface FindingRow {
  readonly about: 'runtime' | 'disk' | 'journal' | 'database' | 'redis' | 'mariadb' | 'tables' | 'stores'
  readonly state: 'bad' | 'warning'
  readonly meaning: string
  readonly fix: string
}

export const FINDINGS = {
  'bun-missing': {
    about: 'runtime',
    state: 'warning',
    meaning: 'Bun was not found, so that `serve` runs on Node.',
    fix: 'Install Bun for about twice the requests a second; nothing else depends on it.',
  },

  'disk-free': {
    about: 'disk',
    state: 'warning',
    meaning: 'Less than 256 MiB are free where the files are: a spike may fill the disk.',
    fix: 'Make room: a full disk makes writes fail as unavailable until there is some.',
  },
  'disk-network': {
    about: 'disk',
    state: 'bad',
    meaning: 'The files are on a network file system, whose locks and fsync SQLite cannot rely on.',
    fix: 'Move the data folder to a local file system: SQLite in WAL mode needs one.',
  },
  'disk-memory': {
    about: 'disk',
    state: 'warning',
    meaning: 'The files are in memory, and acknowledged writes do not survive a restart of the machine.',
    fix: 'Move the data folder to a disk.',
  },
  'file-permissions': {
    about: 'disk',
    state: 'bad',
    meaning: 'This user cannot read and write the data folder or a file in it.',
    fix: 'Give it back to the user of the server: chown the folder, chmod u+rw its files.',
  },
  'file-world-writable': {
    about: 'disk',
    state: 'warning',
    meaning: 'Every user of the machine can change the files.',
    fix: 'chmod o-w',
  },

  'sqlite-not-wal': {
    about: 'journal',
    state: 'bad',
    meaning: 'A SQLite file is not in WAL mode any more: somebody changed it.',
    fix: "With the server stopped: sqlite3 FILE 'PRAGMA journal_mode=WAL'.",
  },
  'sqlite-damaged': {
    about: 'journal',
    state: 'bad',
    meaning: 'Pages of a SQLite file are damaged.',
    fix: 'Keep a copy of the folder, then restore the file from a backup.',
  },
  'sqlite-unreadable': {
    about: 'journal',
    state: 'bad',
    meaning: 'A file is there and is no SQLite file that can be read.',
    fix: 'Is it a file of Spillway? Keep a copy, then restore it from a backup or name the right folder with --data.',
  },

  'redis-unreachable': {
    about: 'redis',
    state: 'bad',
    meaning: 'Redis does not answer, or answers in no way that is known.',
    fix: 'Start it, or correct host and port of the URL (redis:// without TLS, rediss:// with it) and its password.',
  },
  'redis-refused': {
    about: 'redis',
    state: 'bad',
    meaning: 'Redis refuses what the URL asks for.',
    fix: 'Correct the URL.',
  },
  'redis-version': {
    about: 'redis',
    state: 'bad',
    meaning: 'Redis is older than 7.0, which has no scripts with flags.',
    fix: 'Upgrade to Redis 7.0 or later.',
  },
  'redis-role': {
    about: 'redis',
    state: 'bad',
    meaning: 'The URL names a replica, which takes no writes.',
    fix: 'Name the primary in the URL.',
  },
  'redis-cluster-client': {
    about: 'redis',
    state: 'bad',
    meaning: 'The URL names one node of a cluster, which has a share of the keys only.',
    fix: 'Pass an ioredis Cluster as `clients.redis` of `open`.',
  },
  'redis-aof-failed': {
    about: 'redis',
    state: 'bad',
    meaning: 'Redis could not write its append-only file, and refuses writes until it can.',
    fix: 'Look at the log of Redis and at its disk.',
  },
  'redis-snapshot-failed': {
    about: 'redis',
    state: 'bad',
    meaning: 'Redis could not write a snapshot, and refuses writes until it can.',
    fix: "Look at the log of Redis and at its disk; CONFIG SET save '' makes no more snapshots.",
  },
  'redis-settings-hidden': {
    about: 'redis',
    state: 'warning',
    meaning: 'This user may not ask for the settings (CONFIG), so that nobody looked at them.',
    fix: 'Allow CONFIG GET to this user, or see to it that appendfsync is always and maxmemory-policy volatile-lru.',
  },
  'redis-appendonly': {
    about: 'redis',
    state: 'bad',
    meaning: 'No append-only file: nothing that Redis holds survives its restart.',
    fix: 'CONFIG SET appendonly yes, then CONFIG REWRITE (or set it in redis.conf)',
  },
  'redis-appendfsync': {
    about: 'redis',
    state: 'bad',
    meaning: 'Acknowledged writes of the last seconds can be lost with the machine.',
    fix: 'CONFIG SET appendfsync always, then CONFIG REWRITE (or set it in redis.conf)',
  },
  'redis-fsync-on-rewrite': {
    about: 'redis',
    state: 'bad',
    meaning: 'Nothing is fsynced while the append-only file is rewritten.',
    fix: 'CONFIG SET no-appendfsync-on-rewrite no, then CONFIG REWRITE (or set it in redis.conf)',
  },
  'redis-snapshots': {
    about: 'redis',
    state: 'warning',
    meaning: 'A snapshot that fails stops all writes, and each one copies memory.',
    fix: "CONFIG SET save '', then CONFIG REWRITE (or set it in redis.conf)",
  },
  'redis-eviction': {
    about: 'redis',
    state: 'bad',
    meaning: 'The eviction policy drops keys without a time to live: writes that have not landed.',
    fix: 'CONFIG SET maxmemory-policy volatile-lru, then CONFIG REWRITE (or set it in redis.conf)',
  },
  'redis-maxmemory': {
    about: 'redis',
    state: 'warning',
    meaning: 'Redis grows until the machine has no memory left.',
    fix: 'CONFIG SET maxmemory to what this machine can give, such as 2gb, then CONFIG REWRITE (or set it in redis.conf)',
  },
  'redis-replicas-missing': {
    about: 'redis',
    state: 'bad',
    meaning: 'Fewer replicas are connected than `waitReplicas` asks for: no answer is believed.',
    fix: 'Attach the replicas, or lower waitReplicas.',
  },
  'redis-min-replicas': {
    about: 'redis',
    state: 'warning',
    meaning: 'A primary that lost its replicas still takes writes of other programs.',
    fix: 'CONFIG SET min-replicas-to-write to the value of waitReplicas, then CONFIG REWRITE',
  },
  'redis-backlog-ttl': {
    about: 'redis',
    state: 'warning',
    meaning: 'After so long without a replica the identity of Redis changes, and a generation is raised.',
    fix: 'CONFIG SET repl-backlog-ttl 0, then CONFIG REWRITE (or set it in redis.conf)',
  },

  'mariadb-unreachable': {
    about: 'mariadb',
    state: 'bad',
    meaning: 'MariaDB does not answer.',
    fix: 'Start it, or correct host and port of the URL.',
  },
  'mariadb-refused': {
    about: 'mariadb',
    state: 'bad',
    meaning: 'MariaDB refuses the user, the password or the database of the URL.',
    fix: 'Correct the URL, or grant the user its rights on the database.',
  },
  'mariadb-rights': {
    about: 'mariadb',
    state: 'bad',
    meaning: 'The user lacks rights without which nothing can be made or landed.',
    fix: 'GRANT SELECT, INSERT, UPDATE, DELETE, CREATE on the database to it; or spillway ddl --apply as a user who may.',
  },
  'mariadb-other-server': {
    about: 'mariadb',
    state: 'warning',
    meaning: 'It is not MariaDB, on which Spillway is proven.',
    fix: 'Use MariaDB 10.11 or later, or test Spillway on this server first.',
  },
  'mariadb-version': {
    about: 'mariadb',
    state: 'warning',
    meaning: 'It is older than MariaDB 10.11; older releases were never tried.',
    fix: 'Upgrade to MariaDB 10.11 or later.',
  },
  'mariadb-flush-log': {
    about: 'mariadb',
    state: 'bad',
    meaning: 'Commits of the last second can be lost, and the journal may have trimmed them.',
    fix: 'SET GLOBAL innodb_flush_log_at_trx_commit = 1, and in the configuration',
  },
  'mariadb-flush-method': {
    about: 'mariadb',
    state: 'bad',
    meaning: 'InnoDB does not fsync its files, so that a loss of power can damage them.',
    fix: 'innodb_flush_method = O_DIRECT in the configuration, then restart',
  },
  'mariadb-doublewrite': {
    about: 'mariadb',
    state: 'bad',
    meaning: 'A page that is half written at a loss of power cannot be repaired.',
    fix: 'innodb_doublewrite = ON in the configuration, then restart',
  },
  'mariadb-sync-binlog': {
    about: 'mariadb',
    state: 'bad',
    meaning: 'After a loss of power replicas may lack commits that this server has.',
    fix: 'SET GLOBAL sync_binlog = 1, and in the configuration',
  },
  'mariadb-read-only': {
    about: 'mariadb',
    state: 'bad',
    meaning: 'The server takes no writes: nothing lands.',
    fix: 'SET GLOBAL read_only = OFF, or name the primary in the URL',
  },
  'mariadb-innodb-read-only': {
    about: 'mariadb',
    state: 'bad',
    meaning: 'InnoDB was started read-only: nothing lands.',
    fix: 'innodb_read_only = OFF in the configuration, then restart',
  },
  'mariadb-force-recovery': {
    about: 'mariadb',
    state: 'bad',
    meaning: 'InnoDB runs as for a rescue, and skips what keeps data whole.',
    fix: 'innodb_force_recovery = 0 in the configuration, then restart',
  },
  'mariadb-packet': {
    about: 'mariadb',
    state: 'bad',
    meaning: 'A value of 1 MiB, the default bound, would never land.',
    fix: 'SET GLOBAL max_allowed_packet = 67108864, and in the configuration',
  },
  'mariadb-packet-large': {
    about: 'mariadb',
    state: 'warning',
    meaning: 'Values as large as can be configured (16 MiB) would never land.',
    fix: 'SET GLOBAL max_allowed_packet = 67108864, and in the configuration',
  },
  'mariadb-connections': {
    about: 'mariadb',
    state: 'warning',
    meaning: 'Each process takes up to 6 connections; a few of them would use up all.',
    fix: 'SET GLOBAL max_connections = 150, and in the configuration',
  },
  'mariadb-prepared': {
    about: 'mariadb',
    state: 'bad',
    meaning: 'Rows land by prepared statements, and there may be too few.',
    fix: 'SET GLOBAL max_prepared_stmt_count = 16382, and in the configuration',
  },
  'mariadb-binlog-cache': {
    about: 'mariadb',
    state: 'bad',
    meaning:
      'A batch larger than the bound of the binary log cannot be committed, and would be tried for ever.',
    fix: 'SET GLOBAL max_binlog_cache_size = 18446744073709547520 (the default)',
  },
  'mariadb-binlog-format': {
    about: 'mariadb',
    state: 'warning',
    meaning: 'Replicas that repeat statements may come to other rows.',
    fix: 'SET GLOBAL binlog_format = MIXED (or ROW), and in the configuration',
  },
  'mariadb-galera': {
    about: 'mariadb',
    state: 'warning',
    meaning: 'It is a Galera cluster, where another node may answer with older rows.',
    fix: 'Name one node in the URL for all processes, with wsrep_sync_wait = 1',
  },

  'tables-unfit': {
    about: 'tables',
    state: 'bad',
    meaning: 'A mapped table cannot keep its records exactly.',
    fix: 'Change what the finding names; spillway ddl prints the rest.',
  },
  'tables-missing': {
    about: 'tables',
    state: 'bad',
    meaning: 'Tables or columns are missing.',
    fix: 'spillway ddl prints the statements, spillway ddl --apply executes them.',
  },

  'stores-mismatch': {
    about: 'stores',
    state: 'bad',
    meaning: 'Journal and database do not belong together.',
    fix: 'Bring back the journal that belongs to this database, or the database that belongs to this journal. If what is missing is lost for good: --accept-loss begins a new generation and reports what is lost.',
  },
  'stores-refused': {
    about: 'stores',
    state: 'bad',
    meaning: 'The stores are there, and cannot be used with this configuration.',
    fix: 'Change what the finding names.',
  },
  'stores-unopened': {
    about: 'stores',
    state: 'bad',
    meaning: 'The stores answer, but could not be opened, mostly for what another finding says.',
    fix: 'Mend the other findings, then look again.',
  },
  'writes-parked': {
    about: 'stores',
    state: 'warning',
    meaning: 'The database did not accept some acknowledged writes; they are set aside.',
    fix: 'See spillway parked ls on the running server, then retry or resolve them.',
  },
} as const satisfies Record<string, FindingRow>

export type FindingId = keyof typeof FINDINGS
