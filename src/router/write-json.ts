import type { Host } from './host.ts'

/** Writes what is remembered; sorted, so that what was taken away and added again leaves the same file. */
export async function writeJson(
  host: Host,
  path: string,
  value: Readonly<Record<string, unknown>>,
): Promise<void> {
  const sorted = Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  if (Object.keys(sorted).length > 0) return host.write(path, `${JSON.stringify(sorted, null, 1)}\n`, 0o600)
  if (await host.remove(path)) await host.removeEmpty(path.slice(0, path.lastIndexOf('/')))
}
