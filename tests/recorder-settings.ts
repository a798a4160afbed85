import { join } from 'node:path'
import type { Settings } from '../src/recorder/settings.ts'

/** Settings of a whole recorder that has everything below `root`: data, run, agent and containers. */
export function recorderSettings(root: string, changes: Partial<Settings> = {}): Settings {
  return {
    data: join(root, 'data'),
    site: 'home',
    status: join(root, 'run/status.json'),
    retentionDays: 30,
    maxBytes: 2 ** 30,
    dockerContainers: join(root, 'containers'),
    syslog: { address: '127.0.0.1', port: 5514 },
    netflow: { address: '::', port: 2055 },
    forward: { port: 24224, addresses: ['127.0.0.1'] },
    forwardTo: [],
    nflogGroup: 7,
    watchSocket: join(root, 'run/watch.sock'),
    archive: { format: 'parquet', spoolBytes: 2 ** 30 },
    devices: {
      clients: join(root, 'agent/clients.json'),
      vendors: join(root, 'vendors.txt'),
      live: join(root, 'run/devices.json'),
      networks: [],
    },
    ...changes,
  }
}
