import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Lab } from '../../src/lab/lab.ts'
import { openVm, PATIENCE_MS, untilHealthy } from './support/vm.ts'

/*
 * Every container as Debian's kernel runs it: what it may do is what its module asks for and nothing more. What is asked
 * for is written here once more, so that a new capability is seen in a review.
 */

const WANTED = {
  chrony: { capabilities: ['NET_BIND_SERVICE'], user: '' },
} as Record<string, { capabilities: readonly string[]; user: string }>

const Container = z.object({
  Name: z.string(),
  AppArmorProfile: z.string(),
  State: z.object({ Pid: z.int().positive() }),
  HostConfig: z.object({
    CgroupnsMode: z.string(),
    Privileged: z.boolean(),
    ReadonlyRootfs: z.boolean(),
    SecurityOpt: z.array(z.string()).nullable(),
    PidMode: z.string(),
    IpcMode: z.string(),
    Devices: z.array(z.unknown()).nullable(),
  }),
})

let lab: Lab
let containers: z.output<typeof Container>[]
beforeAll(async () => {
  ;({ lab } = await openVm())
  await untilHealthy(lab)
  const ids = (await lab.router.execOk(['docker', 'ps', '--quiet'])).trim().split('\n')
  containers = z.array(Container).parse(JSON.parse(await lab.router.execOk(['docker', 'inspect', ...ids])))
}, PATIENCE_MS)
void WANTED
describe('x', () => {
  test('y', () => {
    expect(containers.length).toBe(5)
  })
})
