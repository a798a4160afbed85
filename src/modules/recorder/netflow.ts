import { z } from 'zod'
import type { Issue } from '../../config/issue.ts'
import type { Router } from '../../router/model.ts'
import type { Listen, ModuleOutput } from '../../router/module.ts'
import { checkNetworks } from './networks.ts'

const LOOPBACK = '127.0.0.1'
const PATH = ['modules', 'recorder', 'netflow']

/** NetFlow v5, v9 and IPFIX: which exporters, besides those on the router itself. */
export const NetflowConfig = z.strictObject({
  port: z.int().min(1024).max(65_535).default(2055).describe('UDP port'),
  networks: z
    .array(z.string())
    .max(32)
    .default([])
    .describe('Networks from which switches and access points export; this router itself always may'),
})
export type NetflowConfig = z.output<typeof NetflowConfig>

/** Unknown networks, and the port that syslog has. */
export function checkNetflow(config: NetflowConfig, router: Router, syslogPort: number): Issue[] {
  const issues = checkNetworks(config.networks, router, PATH)
  if (config.port === syslogPort)
    issues.push({
      path: [...PATH, 'port'],
      message: `port ${syslogPort}/udp is where the recorder takes syslog`,
      fix: 'use another, such as 2055',
    })
  return issues
}

/** Every address, so that a network's may come later and change: the firewall lets in only those that are named. */
export function netflowSettings({ port, networks }: NetflowConfig) {
  return { address: networks.length === 0 ? LOOPBACK : '::', port }
}

export function netflowListens({ port, networks }: NetflowConfig): Listen[] {
  return [{ protocol: 'udp', port, ...(networks.length === 0 && { addresses: [LOOPBACK] }) }]
}

export function netflowOpenings({ port, networks }: NetflowConfig): ModuleOutput['openings'] {
  return [...new Set(networks)].map((from) => ({ from, protocol: 'udp', port, why: 'NetFlow' }))
}
