import { generatedHeader } from '../../router/render/header.ts'

/** Where the server's socket is, in its own container and in those of its clients: what every client looks for. */
export const SOCKET = 'mysqld.sock'

/** my.cnf: a server for some thousand leases on a router, reached through its socket alone. */
export function renderMyCnf(): string {
  return `${generatedHeader('mariadb')}[mariadbd]
datadir = /var/lib/mysql/db
socket = /run/mysqld/${SOCKET}
pid-file = /run/mariadb-local/mariadbd.pid
tmpdir = /run/mariadb-local

# No port, not even on the loopback address.
skip-networking
# Docker does not let a container use io_uring.
innodb-use-native-aio = OFF

# A lease that was given out is on the disk: each commit is flushed.
innodb-flush-log-at-trx-commit = 1
# Half of what making the tables waits for is this log on the disk. Its clients make their tables anew when they were
# interrupted, and change none later.
log-ddl-recovery = /run/mariadb-local/ddl-recovery.log

# Small: the whole of it is a few megabytes.
innodb-buffer-pool-size = 32M
innodb-buffer-pool-size-max = 38M
innodb-log-file-size = 8M
innodb-log-buffer-size = 2M
aria-pagecache-buffer-size = 1M
key-buffer-size = 64K
max-connections = 16
table-open-cache = 64
performance-schema = OFF

# Docker keeps the log.
log-warnings = 1
`
}
