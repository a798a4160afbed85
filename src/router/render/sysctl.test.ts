import { expect, test } from 'vitest'
import { NFT_CASES } from './nft-cases.ts'
import { FORWARDING_SYSCTLS, renderModulesLoad, renderSysctl } from './sysctl.ts'

const text = renderSysctl(NFT_CASES.home.router)
const settings = new Map(
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^(-?)(net\.[a-z0-9_.*-]+) = (\d+)$/.exec(line)
      if (!match?.[2]) throw new Error(`not a sysctl.d line: ${line}`)
      return [match[2], { value: Number(match[3]), optional: match[1] === '-' }] as const
    }),
)

test('forwarding is left to the firewall unit', () => {
  for (const key of Object.keys(FORWARDING_SYSCTLS)) expect(settings.has(key)).toBe(false)
  for (const key of settings.keys()) expect(key).not.toMatch(/forward/)
})

test('flows are counted, and remembered as long as the RFCs want', () => {
  const value = (key: string) => settings.get(`net.netfilter.nf_conntrack_${key}`)?.value ?? -1
  expect(value('acct')).toBe(1)
  expect(value('timestamp')).toBe(1)
  expect(value('udp_timeout_stream')).toBeGreaterThanOrEqual(300)
  expect(value('udp_timeout')).toBeGreaterThanOrEqual(120)
  expect(value('tcp_timeout_established')).toBeGreaterThanOrEqual(7440)
})

test('only what may be missing is optional: limits of the first network namespace, keys of a module', () => {
  expect([...settings].filter(([, { optional }]) => optional).map(([key]) => key)).toEqual([
    'net.bridge.bridge-nf-call-iptables',
    'net.bridge.bridge-nf-call-ip6tables',
    'net.netfilter.nf_conntrack_max',
    'net.netfilter.nf_conntrack_buckets',
  ])
})

test('the keys exist once the module is loaded', () => {
  expect(renderModulesLoad(NFT_CASES.home.router)).toMatch(/^nf_conntrack$/m)
})
