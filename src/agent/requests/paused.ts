import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pausedDevices } from '../../config/pause-device.ts'

/** The MAC addresses of the devices that are paused by the router.yaml of the generation in use; none before the first. */
export async function pausedNow(current: string): Promise<readonly string[]> {
  const text = await readFile(join(current, 'router.yaml'), 'utf8').catch(() => '')
  return [...new Set(pausedDevices(text).map(({ mac }) => mac))]
}
