import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { createHost, type Exec } from '../host.ts'
import { detectTakeover } from './detect.ts'

const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
})

const ID = 'ab'.repeat(32)

/** What blocks a service on port 53 while process 7, in this control group, holds that port. */
async function blockers(cgroup: string, dockerState: string, ownContainers: readonly string[] = []) {
  const root = mkdtempSync(join(tmpdir(), 'sekisho-takeover-'))
  roots.push(root)
  mkdirSync(dirname(join(root, 'proc/7/cgroup')), { recursive: true })
  writeFileSync(join(root, 'proc/7/cgroup'), cgroup)
  const answers: Record<string, string> = {
    ss: 'udp UNCONN 0 0 10.0.0.1:53 0.0.0.0:* users:(("unbound",pid=7,fd=3))\n',
    systemctl: `Id=docker.service\nLoadState=loaded\nActiveState=${dockerState}\nUnitFileState=enabled\n`,
  }
  const exec: Exec = async ([program = '']) => {
    const stdout = answers[program]
    return { code: stdout === undefined ? 127 : 0, stdout: stdout ?? '', stderr: '' }
  }
  const found = await detectTakeover(createHost({ root, exec, durable: false }), {
    devices: new Set(),
    listens: [{ protocol: 'udp', port: 53 }],
    docker: true,
    ownContainers: new Set(ownContainers),
  })
  return found.blockers
}

it.each([
  ['a container that is not ours', `0::/docker/${ID}`, 'active', [], 1],
  ['our own container', `0::/docker/${ID}`, 'active', [ID], 0],
  ['a container that outlived dockerd', `0::/docker/${ID}`, 'inactive', [], 0],
  ['one in a systemd scope', `0::/system.slice/docker-${ID}.scope`, 'failed', [], 0],
  ['a program of the machine, without dockerd', '0::/system.slice/mine.service', 'inactive', [], 1],
])('%s on our port', async (_, cgroup, docker, own, count) => {
  expect(await blockers(cgroup, docker, own)).toHaveLength(count)
})
