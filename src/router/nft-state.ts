import type { Host } from './host.ts'
import { sha256 } from './host.ts'
import { NFT_TABLE } from './paths.ts'

/**
 * Hash of our table as the kernel has it, without what changes by itself: handles, counters, and the elements of
 * sets, which the agent and the rules fill. Undefined when the table is not loaded.
 */
export async function observeNft(host: Host): Promise<string | undefined> {
  const { code, stdout } = await host.exec([
    'nft',
    '--json',
    '--stateless',
    'list',
    'table',
    'inet',
    NFT_TABLE,
  ])
  return code === 0 ? hashRuleset(stdout) : undefined
}

/** The same from nft's JSON text (libnftables-json(5)). */
export function hashRuleset(json: string): string {
  try {
    return sha256(JSON.stringify(JSON.parse(json), strip))
  } catch {
    return sha256(json)
  }
}

function strip(key: string, value: unknown): unknown {
  if (['handle', 'metainfo', 'packets', 'bytes'].includes(key)) return undefined
  if (key === 'set' && typeof value === 'object' && value !== null && 'name' in value)
    return { ...value, elem: undefined }
  return value
}
