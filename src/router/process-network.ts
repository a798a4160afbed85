import type { Host } from './host.ts'

/** Whether a process is in our network namespace: a container may have a port of the same name. */
export async function sharesNetwork(host: Host, pid: string): Promise<boolean> {
  return (await networkOf(host, pid)) === (await networkOf(host, 'self'))
}

/** The network namespace of a process, as the kernel names it. */
async function networkOf(host: Host, pid: string): Promise<string | undefined> {
  const link = await host.stat(`/proc/${pid}/ns/net`).catch(() => undefined)
  return link?.kind === 'link' ? link.target : undefined
}
