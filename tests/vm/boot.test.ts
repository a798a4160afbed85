import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Lab } from '../../src/lab/lab.ts'
import type { VmMachine } from '../../src/lab/vm/vm-machine.ts'
import { count } from '../lab/support/counts.ts'
import { type BootReport, startProbes } from './support/probes.ts'
import { openVm, PATIENCE_MS, untilHealthy, untilLease, untilPage } from './support/vm.ts'

/*
 * The router boots as on hardware: a kernel of its own from nothing, while strangers, guests and the laptop send all the
 * time what must not pass.
 */

let lab: Lab
let router: VmMachine

beforeAll(async () => {
  ;({ lab, router } = await openVm())
  await untilHealthy(lab)
  await untilLease(lab, 'laptop', '10.0.0.')
  await untilPage(lab)
}, 2 * PATIENCE_MS)

const sh = (script: string) => router.execOk(['sh', '-c', script], { timeout: PATIENCE_MS })

/** Notes every write to the switches of forwarding, by whom and when, from the kernel's first moment on. */
const WATCH_FORWARDING =
  'kprobe_event=p:kprobes/forward4,devinet_sysctl_forward,write=%si;p:kprobes/forward6,addrconf_sysctl_forward,write=%si'

/** Processes that wrote a switch of forwarding in this boot, in order. */
async function forwardingWriters(): Promise<{ pid: number; program: string }[]> {
  const trace = await sh('cat /sys/kernel/tracing/trace')
  return trace.split('\n').flatMap((line) => {
    const [, program = '', pid, write] =
      /^\s*(.+)-(\d+)\s+\[\d+\].*\bforward[46]: .*write=(0x[0-9a-f]+)/.exec(line) ?? []
    return pid !== undefined && Number(write) === 1 ? [{ pid: Number(pid), program: program.trim() }] : []
  })
}

async function mainProcessOf(unit: string): Promise<number> {
  return Number(await router.execOk(['systemctl', 'show', '--property=ExecMainPID', '--value', unit]))
}

/** Restarts the router with all probes on; `during` runs when systemd is up. */
async function bootUnderFire(
  options: Parameters<VmMachine['restart']>[0],
  during: () => Promise<void>,
): Promise<BootReport & { readonly booted: number }> {
  const start = Date.now()
  const stop = await startProbes(lab)
  let report: BootReport | undefined
  try {
    expect(await router.restart(options)).toBe('running')
    await during()
  } finally {
    report = await stop()
  }
  const [uptime = ''] = (await sh('cat /proc/uptime')).split(' ')
  const booted = Date.now() - Number(uptime) * 1000
  const seconds = (at: number | undefined) =>
    at === undefined ? 'never' : `${((at - booted) / 1000).toFixed(1)} s`
  console.log(
    `boot of ${((Date.now() - start) / 1000).toFixed(0)} s: ping ${seconds(report.first('ping', booted))}, DHCP ${seconds(report.first('dhcp', booted))}, DNS ${seconds(report.first('dns', booted))} after the kernel's start; ${report.rounds} rounds of probes`,
  )
  return { ...report, booted }
}

describe('a boot', () => {
  test.each(Array.from({ length: count(1, 18) }, (_, i) => i + 1))(
    'leaks nothing, and the firewall is what lets packets pass (%i)',
    { timeout: 3 * PATIENCE_MS },
    async (round) => {
      const report = await bootUnderFire(
        { how: round % 2 === 1 ? 'power-cut' : 'reboot', parameters: [WATCH_FORWARDING] },
        async () => {
          await untilHealthy(lab)
          await untilPage(lab)
          await untilPage(lab, '[2001:db8:80::80]')
        },
      )
      expect(report.leaks).toEqual([])
      expect(report.rounds).toBeGreaterThan(20)
      expect(report.translated).toBeGreaterThan(0)
      expect(report.first('ping', report.booted)).toBeDefined()
      expect(report.first('dhcp', report.booted)).toBeDefined()
      expect(report.first('dns', report.booted)).toBeDefined()

      const [first, ...others] = await forwardingWriters()
      expect(first).toMatchObject({ pid: await mainProcessOf('sekisho-firewall.service') })
      expect(others.length).toBeGreaterThan(0)
      expect(await router.exec(['sekisho', 'plan'], { timeout: PATIENCE_MS })).toMatchObject({ code: 0 })
    },
  )

  test('with a dead WAN: leases and names of its own come, and the WAN when it is there', {
    timeout: 3 * PATIENCE_MS,
  }, async () => {
    await lab.isp.setFault('line')
    onTestFinished(() => lab.isp.setFault(undefined))
    const report = await bootUnderFire({ how: 'power-cut' }, async () => {
      await untilHealthy(lab)
      await lab.renew('laptop')
      await untilLease(lab, 'laptop', '10.0.0.')
      await expect
        .poll(() => lab.laptop.exec(['dig', '+short', '+time=2', '+tries=1', 'gate.home.arpa', 'A']), {
          timeout: PATIENCE_MS,
        })
        .toMatchObject({ code: 0, stdout: expect.stringContaining('10.0.0.1') })
      await lab.isp.setFault(undefined)
      await untilPage(lab)
    })
    expect(report.leaks).toEqual([])
    expect(report.rounds).toBeGreaterThan(20)
    expect(report.first('dhcp', report.booted)).toBeDefined()
    expect(report.first('dns', report.booted)).toBeDefined()
  })

  test('with a broken newest generation, it comes up with the last confirmed one', {
    timeout: 3 * PATIENCE_MS,
  }, async () => {
    const confirmed = (await sh('readlink /etc/sekisho/confirmed')).trim()
    // What an apply leaves that was cut short after it made its generation the current one.
    await sh(`set -e
cd /etc/sekisho
next=generations/$(($(basename "$(readlink confirmed)") + 1))
cp -a "$(readlink confirmed)" "$next"
echo 'table inet sekisho { chain broken' >"$next/sekisho.nft"
echo 'exit 1' >"$next/firewall.sh"
ln -s "$next" .current.test
mv -T .current.test current
sync`)
    const report = await bootUnderFire({ how: 'power-cut' }, () => untilPage(lab))
    expect(report.leaks).toEqual([])
    expect((await sh('readlink /etc/sekisho/current')).trim()).toBe(confirmed)
    expect(await sh('nft list table inet sekisho')).toContain('chain forward')
    expect(await sh('journalctl --unit sekisho-boot --boot --output cat --no-pager')).toContain(
      'going back from',
    )
    expect(await router.exec(['sekisho', 'plan'], { timeout: PATIENCE_MS })).toMatchObject({ code: 0 })
  })

  // The last one: the connections that it lets through are known for a minute, and what is known is answered.
  test('the probes see what passes: without the table they all get through', {
    timeout: PATIENCE_MS,
  }, async () => {
    const stop = await startProbes(lab)
    await sh('nft delete table inet sekisho')
    onTestFinished(async () => {
      await sh('systemctl restart sekisho-firewall')
      await untilPage(lab)
    })
    await new Promise((resolve) => setTimeout(resolve, 5000))
    const { leaks } = await stop()
    for (const what of ['to the laptop', 'to a guest', 'an answer to a stranger', 'not translated'])
      expect(leaks.some((line) => line.startsWith(what))).toBe(true)
  })
})

afterAll(() => lab?.isp.setFault(undefined))
