import { globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bootstrap } from '../../build/debian.ts'

/** Debian 13's kernel as its package has it, and the small first file system that finds our disk. */
export interface Kernel {
  readonly image: string
  readonly initrd: string
  /** The folder to be /usr/lib/modules. */
  readonly modules: string
}

/** The disk and its file system; everything else is loaded from there. */
const INITRD_MODULES = 'virtio_pci\\nvirtio_blk\\next4\\n'

/** Fetches the kernel of Debian 13 and has its own tools make the initrd, once. */
export async function debianKernel(onProgress?: (line: string) => void): Promise<Kernel> {
  const tree = await bootstrap(['linux-image-amd64', 'initramfs-tools'], {
    kind: 'lab-kernel',
    format: 'directory',
    customize: [
      `printf 'MODULES=list\\nCOMPRESS=gzip\\n' >"$1/etc/initramfs-tools/conf.d/lab"`,
      `printf '${INITRD_MODULES}' >>"$1/etc/initramfs-tools/modules"`,
      'chroot "$1" update-initramfs -u',
      'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*',
    ],
    ...(onProgress === undefined ? {} : { onProgress }),
  })
  const [image] = globSync(join(tree, 'boot/vmlinuz-*'))
  if (image === undefined) throw new Error(`no kernel in ${tree}. Fix: remove ${dirname(tree)}`)
  return {
    image,
    initrd: image.replace('/vmlinuz-', '/initrd.img-'),
    modules: join(tree, 'usr/lib/modules'),
  }
}
