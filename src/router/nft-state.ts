import type { Host } from './host.ts'
import { NFT_TABLE } from './paths.ts'

/**
 * Our table as the kernel has it, a line for each rule and element, without what changes by itself: counters, and
 * the elements of sets that rules fill. Undefined when the table is not loaded.
 */
export async function observeNft(host: Host): Promise<string | undefined> {
  const { code, stdout } = await host.exec(['nft', '--stateless', 'list', 'table', 'inet', NFT_TABLE])
  return code === 0 ? tableLines(stdout) : undefined
}

/** The same from what nft(8) prints: each line says where it is, "chain input: tcp dport 22 accept". */
export function tableLines(listing: string): string {
  const lines: string[] = []
  let block = ''
  let elements: string | undefined
  let held: string[] = []
  for (const raw of listing.split('\n')) {
    const line = raw.trim()
    if (elements !== undefined) elements += ` ${line}`
    else if (line.startsWith('elements = {')) elements = line.slice('elements = {'.length)
    if (elements !== undefined) {
      if (!elements.endsWith('}')) continue
      held.push(
        ...elements
          .slice(0, -1)
          .split(/,\s+/)
          .map((element) => element.trim())
          .toSorted(),
      )
      elements = undefined
    } else if (/^(chain|set|map|flowtable|ct \w+|counter|quota|limit) .*\{$/.test(line)) {
      block = line.slice(0, -1).trim()
    } else if (line === '}') {
      lines.push(...held.map((one) => `${block}: ${one}`))
      held = []
      block = ''
    } else if (line !== '' && !/^table \w+ \S+ \{$/.test(line)) {
      // What rules put in is no longer as it was a moment ago, and nobody's change.
      if (/^flags .*\b(dynamic|timeout)\b/.test(line)) block += ' (filled by rules)'
      lines.push(block === '' ? line : `${block}: ${line}`)
    }
  }
  return `${lines.filter((line) => !/\(filled by rules\): (?!type|flags)/.test(line)).join('\n')}\n`
}
