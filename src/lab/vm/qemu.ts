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

/**
 * qemu's argument vector for a machine of the lab, emulated in software (TCG) so that it runs wherever the lab does.
 * What the machine has flushed is in the disk's file, and with the host's page cache that outlives qemu's process.
 */
export function qemuCommand(options: QemuOptions): string[] {
  const { folder, kernel, append, disk, memoryMib, processors, ports } = options
  const socket = (name: string) => `path=${folder}/${name},server=on,wait=off`
  return [
    'qemu-system-x86_64',
    ...['-name', options.name, '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', CPU],
    ...['-smp', String(processors), '-m', String(memoryMib)],
    ...['-kernel', kernel.image, '-initrd', kernel.initrd],
    ...[
      '-append',
      ['root=/dev/vda', 'rw', 'console=ttyS0', 'panic=1', 'systemd.service_watchdogs=no', ...append].join(
        ' ',
      ),
    ],
    ...['-chardev', `file,id=console,path=${folder}/console.log,append=on`, '-serial', 'chardev:console'],
    ...['-qmp', `unix:${socket('qmp').slice('path='.length)}`],
    // unsafe: no fsync here. The machine's flush still writes qemu's tables, and only the host could lose them.
    // Tables stay in memory until then: the default cache would write some of them earlier.
    ...['-drive', `file=${disk},format=qcow2,if=none,id=disk,cache=unsafe,discard=unmap,l2-cache-size=16M`],
    ...['-device', 'virtio-blk-pci,drive=disk', '-device', 'virtio-rng-pci'],
    ...ports.flatMap(({ tap, mac }) => [
      ...['-netdev', `tap,id=${tap},ifname=${tap},script=no,downscript=no`],
      ...['-device', `virtio-net-pci,id=nic-${tap},netdev=${tap},mac=${mac}`],
    ]),
    ...['-device', `virtio-serial-pci,max_ports=${EXEC_PORTS + 1}`],
    ...Array.from({ length: EXEC_PORTS }, (_, i) => [
      ...['-chardev', `socket,id=exec${i},${socket(`exec${i}`)}`],
      ...['-device', `virtserialport,nr=${i + 1},chardev=exec${i},name=lab.exec.${i} of ${EXEC_PORTS}`],
    ]).flat(),
  ]
}
