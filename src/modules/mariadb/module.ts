import { z } from 'zod'
import { defineModule } from '../../router/module.ts'
import { PATHS, runDirectory } from '../../router/paths.ts'
import { renderMyCnf, SOCKET } from './render.ts'

const CONF = 'my.cnf'
const DATA = 'data'
const SECRETS = 'secrets'
const ACCOUNT = 'leases'
const MiB = 1024 * 1024

export const mariadb = defineModule({
  name: 'mariadb',
  summary: 'Database (MariaDB) for the leases of the DHCP server, through a socket only',
  extra: true,
  config: z.strictObject({}),

  provides: () => ({
    'lease-database': {
      engine: 'mariadb',
      socket: `${runDirectory('mariadb')}/${SOCKET}`,
      account: ACCOUNT,
      file: `${PATHS.data}/mariadb/${SECRETS}/${ACCOUNT}`,
    },
  }),

  check: ({ router }) =>
    router.networks.some((network) => network.dhcp !== undefined)
      ? []
      : [
          {
            path: ['modules', 'mariadb'],
            message: 'no network has a dhcp section, so there are no leases to keep',
            fix: 'add dhcp: with pools to a network, or remove this module',
            severity: 'warning',
          },
        ],

  build: () => ({
    files: [{ path: CONF, text: renderMyCnf() }],
    services: [
      {
        name: 'mariadb',
        image: 'build',
        // Its clients are uid 0 too: the socket's folder and the password are for that user alone. Without
        // capabilities, uid 0 is no more than the owner of these files.
        user: '0:0',
        network: 'none',
        listens: [],
        mounts: [
          { kind: 'file', file: CONF, target: '/etc/mysql/my.cnf' },
          { kind: 'data', volume: DATA, target: '/var/lib/mysql' },
          { kind: 'data', volume: SECRETS, target: '/var/lib/mysql-secrets' },
          { kind: 'run', target: '/run/mysqld' },
          { kind: 'tmpfs', target: '/run/mariadb-local', sizeBytes: 64 * MiB, mode: 0o700 },
        ],
        // The first start makes the system tables, and one after a power cut reads its log.
        health: { test: ['/usr/local/libexec/health.sh'], startSecs: 60 },
        stopSecs: 30,
        pause: 'no new leases for about 3 s; those given out stay',
        memoryBytes: 384 * MiB,
      },
    ],
    openings: [],
    logs: [],
    data: [
      // Files of a running database are no copy of it: what a backup needs of it is what its clients keep.
      { name: DATA, owner: '0:0', mode: 0o700, backup: false },
      { name: SECRETS, owner: '0:0', mode: 0o700, backup: false },
    ],
    checks: [
      {
        service: 'mariadb',
        command: ['mariadbd', '--user=root', '--help', '--verbose'],
        why: 'mariadbd reads its configuration',
      },
    ],
  }),
})
