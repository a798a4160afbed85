import { mapParts, textOf } from '../sources/forward/message.ts'

/** The text of a key in the map that these bytes are; undefined when there is no such map, key or text. */
export function mapText(map: Buffer, key: string): Buffer | undefined {
  const parts = mapParts(map) ?? []
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const name = textOf(parts[i] as Buffer)
    if (name?.toString('latin1') === key) return textOf(parts[i + 1] as Buffer)
  }
  return undefined
}
