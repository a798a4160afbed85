import type { Kernel } from './kernel.ts'
import { EXEC_PORTS } from './layer.ts'

export interface QemuOptions {
  readonly name: string
  /** Sockets, the console's log and the process's number are here. */
  readonly folder: string
  readonly kernel: Kernel
  /** More kernel parameters. */
  readonly append: readonly string[]
  readonly disk: string
  readonly memoryMib: number
  readonly processors: number
  readonly ports: readonly { readonly tap: string; readonly mac: string }[]
}

/**
 * All that the emulator has but five levels of page tables: with them this qemu now and then lets the kernel fail to read
 * its own memory (copy_from_kernel_nofault), and every path in /proc/mounts is "xxx". No machine runs inside this one.
 */
const CPU = 'max,la57=off,svm=off'

/** Nothing inside may give up because it is emulated on a busy machine: neither the kernel on a timer, nor systemd. */
const PARAMETERS = 'root=/dev/vda rw console=ttyS0 panic=1 no_timer_check systemd.service_watchdogs=no'

/**
 * qemu's argument vector for a machine of the lab, emulated in software (TCG) so that it runs wherever the lab does.
 * What the machine has flushed is in the disk's file, and with the host's page cache that outlives qemu's process.
 */
export function qemuCommand(options: QemuOptions): string[] {
  const { folder, kernel, append, disk, memoryMib, processors, ports } = options
  const words: (readonly string[])[] = [
    ['-name', options.name, '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', CPU],
    ['-smp', String(processors), '-m', String(memoryMib)],
    ['-kernel', kernel.image, '-initrd', kernel.initrd, '-append', [PARAMETERS, ...append].join(' ')],
    ['-chardev', `file,id=console,path=${folder}/console.log,append=on`, '-serial', 'chardev:console'],
    ['-qmp', `unix:${folder}/qmp,server=on,wait=off`],
    // unsafe: no fsync here. The machine's flush still writes qemu's tables, and only the host could lose them.
    // Tables stay in memory until then: the default cache would write some of them earlier.
    ['-drive', `file=${disk},format=qcow2,if=none,id=disk,cache=unsafe,discard=unmap,l2-cache-size=16M`],
    ['-device', 'virtio-blk-pci,drive=disk', '-device', 'virtio-rng-pci'],
  ]
  for (const { tap, mac } of ports) {
    words.push(['-netdev', `tap,id=${tap},ifname=${tap},script=no,downscript=no`])
    words.push(['-device', `virtio-net-pci,netdev=${tap},mac=${mac}`])
  }
  words.push(['-device', `virtio-serial-pci,max_ports=${EXEC_PORTS + 1}`])
  for (let i = 0; i < EXEC_PORTS; i += 1) {
    words.push(['-chardev', `socket,id=exec${i},path=${folder}/exec${i},server=on,wait=off`])
    const name = `lab.exec.${i} of ${EXEC_PORTS}`
    words.push(['-device', `virtserialport,nr=${i + 1},chardev=exec${i},name=${name}`])
  }
  return ['qemu-system-x86_64', ...words.flat()]
}
