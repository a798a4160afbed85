import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cached } from '../../build/cache.ts'
import { ensurePackages } from '../../build/debian.ts'
import { timed } from '../../build/timed.ts'
import { down } from '../down.ts'
import type { Lab } from '../lab.ts'
import { labPlaces, type Places } from '../places.ts'
import type { VmParts } from '../state.ts'
import { type DiskContent, diskHash, makeDisk } from './disk.ts'
import { debianKernel } from './kernel.ts'

type Progress = (line: string) => void

const TOOLS = ['qemu-system-x86', 'qemu-utils', 'e2fsprogs']
/** Of each the one in use and the one before. */
const KEEP = 2

/** A virtual machine with a tree as its package manager left it; built or fetched where it is missing. */
export async function treeParts(kind: string, tree: string, onProgress: Progress): Promise<VmParts> {
  await ensureEmulator(onProgress)
  const kernel = await debianKernel(onProgress)
  const content: DiskContent = { trees: [tree], kernel }
  const hash = await diskHash(content)
  const build = (work: string) => timed('disk', () => makeDisk(work, content), onProgress)
  const entry = await cached(kind, hash, build, { keep: KEEP })
  return { kernel, disk: join(entry, 'disk.qcow2') }
}

/**
 * A virtual machine on which this release is installed and the lab's router.yaml applied. Emulated, that takes ten times
 * as long: a machine in a container does it, is shut down, and its disk becomes that of the virtual one. With it comes
 * what the provider signed its zones with, since the router trusts that.
 */
export async function routerParts(
  tree: string,
  bundle: string,
  upInContainer: (options: { places: Places; bare: boolean; onProgress: Progress }) => Promise<Lab>,
  onProgress: Progress,
): Promise<VmParts> {
  await ensureEmulator(onProgress)
  const kernel = await debianKernel(onProgress)
  const hash = await diskHash({ trees: [tree], kernel }, [bundle])
  const places = labPlaces(`vm-${hash}`)
  const build = async (work: string) => {
    try {
      const lab = await upInContainer({ places, bare: true, onProgress })
      // With Debian 13's kernel there is cgroup v2 only, and containers are made for it.
      await lab.router.writeFile(DOCKER_DROP_IN, privateGroups)
      await lab.router.execOk(['sh', '-c', 'systemctl daemon-reload && systemctl restart docker'])
      await upInContainer({ places, bare: false, onProgress })
      const zones = await lab.isp.execOk(['sh', '-c', 'tar -C /srv/dns -c . | base64'])
      await writeFile(join(work, 'zones.tar'), Buffer.from(zones, 'base64'))
      await lab.router.execOk(['systemctl', 'poweroff', '--no-block'])
      for (let i = 0; lab.router.isOn(); i += 1) {
        if (i > 600) throw new Error('the machine in the container does not shut down')
        await sleep(200)
      }
      const upper = join(places.disk, 'upper')
      await rm(join(upper, 'usr/lib/systemd/system/sysinit.target.wants/lab-writable.service'))
      const folders = { 'var/lib/docker': join(places.disk, 'docker') }
      await timed('disk', () => makeDisk(work, { trees: [upper, tree], kernel, folders }), onProgress)
    } finally {
      await down(places)
    }
  }
  const onWait = () => onProgress('waiting for another maker of the same disk')
  const entry = await cached('lab-vm', hash, build, { keep: KEEP, onWait })
  return { kernel, disk: join(entry, 'disk.qcow2'), zones: join(entry, 'zones.tar') }
}

/** In /run, which is no part of the disk. */
const DOCKER_DROP_IN = '/run/systemd/system/docker.service.d/lab.conf'
const privateGroups = `[Service]
ExecStart=
ExecStart=/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock --default-cgroupns-mode=private
`

async function ensureEmulator(onProgress: Progress): Promise<void> {
  if (process.arch !== 'x64')
    throw new Error(
      `the virtual machine is an x86-64 one and this machine is ${process.arch}. Fix: use sekisho lab up`,
    )
  await ensurePackages(TOOLS, onProgress)
}
