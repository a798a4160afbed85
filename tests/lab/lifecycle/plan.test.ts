import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { editedYaml } from '../support/edit-yaml.ts'
import { applyYaml, baseline, baselineYaml } from '../support/router-yaml.ts'
import { writeUserModule } from './user-module.ts'

/* What a person reads before and after a change: plan, generations and diff, on the router itself. */

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
})
beforeEach(() => baseline(lab))
afterAll(() => baseline(lab))

const sekisho = (...args: string[]) => lab.router.exec(['sekisho', ...args])
const sh = (script: string) => lab.router.execOk(['sh', '-c', script])
const nothing = { code: 0, stdout: 'Nothing to do: the machine is what router.yaml says.\n' }

/** The guest network under another prefix, a port forward, and a resolver with another cache. */
function otherYaml(): Promise<string> {
  return editedYaml(lab, (document) => {
    document.setIn(['networks', 'guest', 'address'], '10.0.5.1/24')
    document.setIn(['networks', 'guest', 'dhcp', 'pools'], ['10.0.5.129 - 10.0.5.254'])
    document.set('firewall', { forwards: [{ port: 443, to: '10.0.0.20', why: 'web' }] })
    document.setIn(['modules', 'unbound', 'cache_bytes'], 32 * 1024 * 1024)
  })
}

describe('a change', () => {
  test("plan says it in the router's terms and what one will notice, apply makes it so, and the way back is listed", async () => {
    await lab.writeRouterYaml(await otherYaml())
    const first = await sekisho('plan')
    expect(first.code).toBe(2)
    expect(first.stdout).toMatch(
      /^From generation \d+ to \d+:\n\n {2}~ network guest: address 10\.0\.1\.1\/24 → 10\.0\.5\.1\/24\n/,
    )
    for (const line of [
      '  ~ network guest: DHCP pools 10.0.1.129 - 10.0.1.254 → 10.0.5.129 - 10.0.5.254',
      '  + port 443 of the WAN goes to 10.0.0.20 (web)',
      '  + module unbound: cache_bytes 32 MiB',
      '      → guest pauses for about a second',
      '      → unbound: no DNS answers for about 2 s, and its cache is empty after that',
    ])
      expect(first.stdout.split('\n')).toContain(line)
    expect(first.stdout).not.toContain('Changed by hand')
    // To look changes nothing.
    expect(await sekisho('plan')).toEqual(first)

    const full = await sekisho('plan', '--full')
    expect(full.code).toBe(2)
    expect(full.stdout).toMatch(/\n {6}@@ -\d+,\d+ \+\d+,\d+ @@\n/)
    expect(full.stdout).toMatch(/\n {6}\+.*dport 443 .*dnat .*10\.0\.0\.20/)

    const json: unknown = JSON.parse((await sekisho('plan', '--json')).stdout)
    expect(json).toMatchObject({
      pending: true,
      changes: expect.arrayContaining([
        { path: ['networks', 'guest', 'address'], kind: 'changed', says: expect.any(String) },
      ]),
      drift: [],
      steps: expect.arrayContaining([
        expect.objectContaining({ do: 'networkd', notices: ['guest pauses for about a second'] }),
      ]),
    })

    expect(
      await lab.router.exec(['sekisho', 'apply'], { env: { SUDO_USER: 'alice' }, timeout: 300_000 }),
    ).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('  + port 443 of the WAN goes to 10.0.0.20 (web)'),
    })
    expect(await sekisho('plan')).toMatchObject(nothing)
    expect(await sekisho('plan', '--json')).toMatchObject({ code: 0 })

    const [newest, before] = JSON.parse((await sekisho('generations', '--json')).stdout) as Listed[]
    expect(newest).toMatchObject({ author: 'alice', current: true, confirmed: true })
    expect(newest?.summary[0]).toBe('~ network guest: address 10.0.1.1/24 → 10.0.5.1/24')
    expect(before).toMatchObject({ current: false, confirmed: false })
    const listed = (await sekisho('generations')).stdout.split('\n')[0]
    expect(listed).toMatch(
      /^\*\d+ {2}\d{4}-\d\d-\d\d \d\d:\d\d {2}alice {2}in use {2}~ network guest: address .*, \+3 more$/,
    )

    const compared = await sekisho('diff', String(before?.number))
    expect(compared.code).toBe(2)
    expect(compared.stdout).toContain('  + port 443 of the WAN goes to 10.0.0.20 (web)\n')
    const back = await sekisho('diff', 'current', String(before?.number), '--full')
    expect(back.stdout).toContain('  - port 443 of the WAN no longer goes to 10.0.0.20 (web)\n')
    expect(back.stdout).toMatch(/\n--- sekisho\.nft\n\+\+\+ sekisho\.nft\n@@ /)
    expect(await sekisho('diff', 'current', 'confirmed')).toMatchObject({ code: 0 })
    expect(await sekisho('diff', '999999')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no generation "999999". Fix: name one of '),
    })
  }, 300_000)
})

interface Listed {
  readonly number: number
  readonly summary: readonly string[]
}

test('what was changed by hand is named, and not by router.yaml; apply repairs all of it at once', async () => {
  await sh(`
    nft 'add rule inet sekisho input tcp dport 9 accept comment "mine"'
    nft 'delete element inet sekisho private4 { 10.0.0.0/8 }'
    echo '# mine' >>/etc/sekisho/current/modules/kea/kea-dhcp4.conf
    rm /etc/systemd/network/10-sekisho-home.network
    docker stop -t 1 sekisho-chrony-1 >/dev/null
    systemctl stop sekishod
    sysctl -qw net.netfilter.nf_conntrack_udp_timeout_stream=30
  `)
  const seen = await sekisho('plan')
  expect(seen.code).toBe(2)
  expect(seen.stdout).toMatch(/^Changed by hand since generation \d+; apply repairs it:\n/)
  for (const line of [
    '  ! modules/kea/kea-dhcp4.conf was edited',
    '  ! /etc/systemd/network/10-sekisho-home.network was removed',
    '      - set private4: 10.0.0.0/8',
    '      + chain input: tcp dport 9 accept comment "mine"',
    '  ! kernel setting net/netfilter/nf_conntrack_udp_timeout_stream is 30, not 300',
    '  ! sekishod.service is inactive',
    '  ! container chrony is exited',
  ])
    expect(seen.stdout.split('\n')).toContain(line)
  const { changes, drift } = JSON.parse((await sekisho('plan', '--json')).stdout) as {
    changes: unknown[]
    drift: { what: string }[]
  }
  expect(changes).toEqual([])
  expect(drift.map(({ what }) => what).sort()).toEqual(
    ['file', 'file', 'firewall', 'sysctl', 'unit', 'container'].sort(),
  )

  expect(await lab.apply()).toMatchObject({ code: 0 })
  expect(await sekisho('plan')).toMatchObject(nothing)
  expect(await sh('nft list table inet sekisho')).not.toContain('mine')
  const [newest] = JSON.parse((await sekisho('generations', '--json')).stdout) as Listed[]
  expect(newest?.summary[0]).toBe('repaired: modules/kea/kea-dhcp4.conf was edited')
}, 300_000)

test('generations keep to their number, with the images that they need and no others', async () => {
  const folder = await writeUserModule(lab, 'well', true)
  const images = async () =>
    (await sh('docker image ls --quiet --no-trunc sekisho/well')).split('\n').filter((line) => line !== '')
  const keep = (count: number) =>
    editedYaml(lab, (document) => {
      document.set('generations', { keep: count })
      document.setIn(['modules', 'well'], { path: folder })
    })
  for (const count of [4, 3, 2]) {
    // Another image each time.
    await sh(`echo 'LABEL serial=${count}' >>${folder}/Dockerfile`)
    await applyYaml(lab, await keep(count))
    if (count > 2) expect(await images()).toHaveLength(5 - count)
  }
  expect(await images()).toHaveLength(2)
  const listed = JSON.parse((await sekisho('generations', '--json')).stdout) as Listed[]
  expect(listed).toHaveLength(2)

  // One of before there were such files.
  const oldest = listed.at(-1)?.number ?? 0
  await sh(`rm /etc/sekisho/generations/${oldest}/meta.json`)
  const line = (await sekisho('generations')).stdout.split('\n').find((one) => one.includes(` ${oldest} `))
  expect(line).toMatch(/^ \d+ {2}20\d\d-\d\d-\d\d \d\d:\d\d {2}-/)
  expect(await sekisho('diff', String(oldest))).toMatchObject({ code: 2 })
  await applyYaml(lab, await baselineYaml(lab))
}, 300_000)
