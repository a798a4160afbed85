import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ResolvConfJob } from './resolv-conf-job.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sekisho-resolv-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

async function run(
  wan: { readonly dns?: readonly string[]; readonly session?: string } = {},
): Promise<string> {
  const config = {
    version: 1,
    hostname: 'gate',
    domain: 'home.arpa',
    resolver: '127.0.0.1',
    networks: [],
    // The one device every machine has; its index is 1.
    wan: { device: 'lo', mode: 'dhcp', watchdog: true, ...wan },
  } as const
  const job = new ResolvConfJob(config, join(dir, 'run/resolv.conf'), join(dir, 'links'), () => undefined)
  await job.run()
  job.close()
  return readFile(join(dir, 'run/resolv.conf'), 'utf8')
}

describe('ResolvConfJob', () => {
  test('with DHCP, what networkd learned', async () => {
    expect(await run()).not.toContain('192.0.2.53')
    await mkdir(join(dir, 'links'))
    await writeFile(join(dir, 'links/1'), 'DNS=192.0.2.53\n')
    expect(await run()).toContain('nameserver 127.0.0.1\nnameserver 192.0.2.53\n')
  })

  test('with PPPoE, what pppd learned comes before what networkd did', async () => {
    const session = join(dir, 'ppp/session')
    await mkdir(join(dir, 'links'))
    await writeFile(join(dir, 'links/1'), 'DNS=2001:db8::53\n')
    expect(await run({ session })).toContain('nameserver 127.0.0.1\nnameserver 2001:db8::53\n')
    await mkdir(join(dir, 'ppp'))
    await writeFile(session, 'state=up\ndns=192.0.2.55 192.0.2.56\n')
    expect(await run({ session })).toContain('nameserver 192.0.2.55\nnameserver 2001:db8::53\n')
  })

  test('with a static WAN, what the file says', async () => {
    expect(await run({ dns: ['192.0.2.54'] })).toContain('nameserver 127.0.0.1\nnameserver 192.0.2.54\n')
  })
})
