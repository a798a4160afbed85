import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { editedYaml } from '../support/edit-yaml.ts'
import { applyYaml, baseline } from '../support/router-yaml.ts'

/* Names end with their leases. How they begin is in ../agent-names.test.ts. */

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
})
afterAll(async () => {
  await startDhcpClient()
  await baseline(lab)
})

const ask = (...question: string[]) =>
  lab.router.execOk(['dig', '+short', '+time=2', '@127.0.0.1', ...question])

async function expectName(address: RegExp): Promise<string> {
  await expect.poll(() => ask('phone.home.arpa'), { timeout: 20_000, interval: 200 }).toMatch(address)
  return (await ask('phone.home.arpa')).trim()
}

async function startDhcpClient(): Promise<void> {
  await lab.phone.execOk(['sh', '-c', 'setsid dhcpcd -B eth0 >/dev/null 2>&1 </dev/null &'])
}

test('a lease that is given back takes its name along, both ways', async () => {
  const address = await expectName(/^10\.0\.0\.\d+\n$/)
  expect(await ask('-x', address)).toBe('phone.home.arpa.\n')
  await lab.phone.execOk(['dhcpcd', '--release', 'eth0'])
  await expectName(/^$/)
  expect(await ask('-x', address)).toBe('')
  await startDhcpClient()
  await expectName(/^10\.0\.0\.\d+\n$/)
})

if (process.env.SEKISHO_FULL) {
  test('a lease that ends because nobody renews it takes its name along', { timeout: 240_000 }, async () => {
    await applyYaml(
      lab,
      await editedYaml(lab, (document) => document.setIn(['networks', 'home', 'dhcp', 'lease_secs'], 60)),
    )
    await lab.renew('phone')
    const lease = () => lab.phone.execOk(['dhcpcd', '--dumplease', 'eth0'])
    await expect.poll(lease, { timeout: 20_000 }).toContain('dhcp_lease_time=60')
    await expectName(/^10\.0\.0\.\d+\n$/)
    // Without a word, as a phone that is carried away.
    await lab.phone.execOk(['dhcpcd', '--exit', 'eth0'])
    await expect.poll(() => ask('phone.home.arpa'), { timeout: 120_000, interval: 1000 }).toBe('')
  })
}
