import { chmod, copyFile, mkdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROUTER_CABLES } from '../topology.ts'

/** Serial ports for commands, and so how many can run at once. */
export const EXEC_PORTS = 16

const HOME = 'usr/lib/sekisho-lab'
/** Process 1 of a virtual machine without systemd. */
export const SMALL_INIT = `/${HOME}/small-init.sh`

/**
 * Writes into `folder` what the lab adds to a virtual machine's tree, outside /etc and /var: the way in for commands,
 * and the names that the lab's cables have by their MAC addresses, as a user's machine has its own.
 */
export async function writeLayer(folder: string): Promise<void> {
  const units = join(folder, 'usr/lib/systemd/system')
  const links = join(folder, 'usr/lib/systemd/network')
  // The kernel's modules are mounted here while the disk is made.
  for (const path of [
    join(units, 'sysinit.target.wants'),
    join(units, 'service.d'),
    links,
    join(folder, 'usr/lib/systemd/system.conf.d'),
    join(folder, HOME),
    join(folder, 'usr/lib/modules'),
  ])
    await mkdir(path, { recursive: true, mode: 0o755 })
  for (const file of ['exec-agent.pl', 'small-init.sh'])
    await copyFile(join(import.meta.dirname, file), join(folder, HOME, file))
  await chmod(join(folder, SMALL_INIT), 0o755)
  await writeFile(join(units, UNIT), unitText)
  await symlink(`../${UNIT}`, join(units, 'sysinit.target.wants', UNIT))
  for (const { near } of ROUTER_CABLES) {
    const text = `[Match]\nMACAddress=${near.mac}\n\n[Link]\nName=${near.port}\n`
    await writeFile(join(links, `10-lab-${near.port}.link`), text)
  }
  await writeFile(join(folder, 'usr/lib/systemd/system.conf.d/lab.conf'), managerConfig)
  await writeFile(join(units, 'service.d/lab.conf'), '[Service]\nTimeoutStartSec=15min\n')
  // A newer /usr would make the machine renew its caches at its first boot, as after an upgrade.
  await utimes(join(folder, 'usr'), 0, 0)
}

const UNIT = 'lab-exec.service'
/** It begins before all else and is there until the end, so that a boot and a shutdown can be watched. */
const unitText = `[Unit]
Description=Commands of the lab, through serial ports
DefaultDependencies=no
IgnoreOnIsolate=yes

[Service]
ExecStart=/usr/bin/perl /${HOME}/exec-agent.pl
KillMode=process
OOMScoreAdjust=-900
TasksMax=infinity
`

/** Emulated on a busy machine, what takes a second may take minutes. */
const managerConfig = `[Manager]
DefaultTimeoutStartSec=15min
DefaultTimeoutStopSec=5min
DefaultDeviceTimeoutSec=15min
`
