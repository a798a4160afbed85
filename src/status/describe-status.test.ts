import { expect, it } from 'vitest'
import { describeStatus } from './describe-status.ts'
import type { RouterStatus } from './status.ts'

const STATUS: RouterStatus = {
  hostname: 'gate',
  generation: 3,
  confirmed: true,
  down: false,
  pendingSteps: 0,
  firewall: 'loaded',
  links: [{ zone: 'home', device: 'br-home', carrier: true, addresses: ['10.0.0.1/24'] }],
  services: [{ module: 'watch', service: 'watch', state: 'healthy' }],
  agent: null,
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
