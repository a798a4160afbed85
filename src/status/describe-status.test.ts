import { expect, it } from 'vitest'
import { describeStatus } from './describe-status.ts'
import type { RouterStatus } from './status.ts'

const STATUS: RouterStatus = {
  hostname: 'gate',
  release: '0.1.0',
  generation: 3,
  confirmed: true,
  confirmWithinSecs: null,
  down: false,
  pendingSteps: 0,
  firewall: 'loaded',
  links: [{ zone: 'home', device: 'br-home', carrier: true, addresses: ['10.0.0.1/24'] }],
  services: [{ module: 'watch', service: 'watch', state: 'healthy' }],
  agent: null,
  lease: { delegated: [] },
  recorder: {
    archive: {},
    log: { dropped: { segments: 0, rows: 0 } },
    sources: { watch: { state: 'up', received: 9, stored: 8, dropped: 1, malformed: 0 } },
  },
  watchers: [
    {
      name: 'dns',
      state: 'up',
      ended: 0,
      gaps: 0,
      counts: { received: 5, stored: 4, dropped: 1, kernelDrops: 0 },
    },
    { name: 'flows', state: 'ended: SIGKILL', ended: 2, gaps: 3 },
  ],
  mackerel: null,
  ok: false,
}

it('has a line for each part, and marks what is wrong', () => {
  expect(describeStatus(STATUS)).toBe(`gate: generation 3, as router.yaml says

   home         br-home  up              10.0.0.1/24

   firewall              loaded
!  sekishod              not running
   watch                 healthy

   watch                 up              9 received, 8 stored, 1 dropped, 0 malformed
   watch dns             up              5 seen, 4 stored, 1 dropped
!  watch flows           ended: SIGKILL  3 gaps, ended 2 times because it did not read
`)
})

it('says why there is no PPPoE session', () => {
  const session = {
    state: 'waiting',
    problem: 'no access concentrator answered',
    dns: [],
    failures: 2,
    retrySecs: 4,
  } as const
  expect(describeStatus({ ...STATUS, session })).toContain('!  PPPoE')
  expect(describeStatus({ ...STATUS, session })).toContain(
    'waiting         down: no access concentrator answered; tries again after 4 s\n',
  )
  expect(describeStatus({ ...STATUS, session: null })).toContain('sekisho-pppoe.service is not running')
})

it('says that it is down on purpose', () => {
  expect(describeStatus({ ...STATUS, down: true, pendingSteps: 4 })).toContain(
    'gate: generation 3, down, as "sekisho down" left it. Back with: sekisho up\n',
  )
})

it('says what the kernel had no room for', () => {
  const watchers = [
    {
      name: 'dns',
      state: 'up',
      ended: 0,
      gaps: 0,
      counts: { received: 5, stored: 5, dropped: 0, kernelDrops: 7 },
    },
  ]
  expect(describeStatus({ ...STATUS, recorder: null, watchers })).toContain(
    '5 seen, 5 stored, 0 dropped, 7 packets lost in the kernel\n',
  )
})

it('says why metrics wait, and that some were refused', () => {
  const posts = { state: 'waiting', posted: 5, waiting: 3, givenUp: 0, refused: 1, problem: 'ECONNREFUSED' }
  const line = (mackerel: RouterStatus['mackerel']) =>
    describeStatus({ ...STATUS, mackerel })
      .split('\n')
      .find((one) => one.includes(' metrics '))
      ?.replaceAll(/ +/g, ' ')
  expect(line(posts)).toBe('! metrics waiting 5 posted, 3 wait, 1 refused; ECONNREFUSED')
  const { problem: _, ...rest } = posts
  expect(line({ ...rest, state: 'up', waiting: 0, refused: 0 })).toBe(' metrics up 5 posted')
})

it('says how far the Internet is there, and what the provider gave', () => {
  const wan = {
    state: 'up',
    ipv4: 'up',
    ipv6: 'up',
    since: '2026-11-26T20:00:00Z',
    gateway4: '192.0.2.1',
    gateway6: 'fe80::1',
  }
  const lease = { secondsLeft: 3000, delegated: ['2001:db8:100::/56'] }
  const lines = (over: Partial<typeof wan>, given: RouterStatus['lease'] = { delegated: [] }) =>
    describeStatus({ ...STATUS, agent: { wan: { ...wan, ...over }, jobs: {} }, lease: given })
      .split('\n')
      .filter((line) => /Internet|lease/.test(line))
      .map((line) => line.trim().replaceAll(/ +/g, ' '))
  expect(lines({}, lease)).toEqual([
    'Internet up IPv4 by 192.0.2.1, IPv6 by fe80::1, since 2026-11-26T20:00:00Z',
    'delegated 2001:db8:100::/56, 50 min of the lease left',
  ])
  expect(lines({ ipv6: 'no-address' })).toEqual(['Internet up IPv4 by 192.0.2.1, since 2026-11-26T20:00:00Z'])
  expect(lines({ ipv4: 'no-internet' })).toEqual([
    '! Internet up IPv4: 192.0.2.1 answers and nothing beyond does, IPv6 by fe80::1, since 2026-11-26T20:00:00Z',
  ])
  expect(lines({ state: 'no-gateway', ipv4: 'no-gateway', ipv6: 'no-address' })).toEqual([
    '! Internet no-gateway IPv4: 192.0.2.1 does not answer, since 2026-11-26T20:00:00Z',
  ])
})
