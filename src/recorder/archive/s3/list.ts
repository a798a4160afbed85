import { S3Failure, textOf } from './failure.ts'

export interface ListedObject {
  readonly key: string
  readonly bytes: number
}

export interface ListPage {
  readonly objects: readonly ListedObject[]
  /** The token of the next page; undefined on the last. */
  readonly next: string | undefined
}

/** Reads ListObjectsV2's answer as it is with encoding-type=url (Amazon S3 API Reference, ListObjectsV2). */
export function parseList(xml: string): ListPage {
  if (!xml.includes('<ListBucketResult') || !xml.includes('</ListBucketResult>'))
    throw new S3Failure('retry', 'LIST: the answer is no list of objects')
  const encoded = textOf(xml, 'EncodingType') === 'url'
  const objects = [...xml.matchAll(/<Contents>(.{1,8192}?)<\/Contents>/gs)].flatMap(([, entry = '']) => {
    const text = /<Key>([^<]{1,3072})<\/Key>/.exec(entry)?.[1] ?? ''
    const key = encoded ? unescapeUrl(text) : unescapeXml(text)
    return key ? [{ key, bytes: Number(textOf(entry, 'Size')) || 0 }] : []
  })
  const token = /<NextContinuationToken>([^<]{1,4096})<\/NextContinuationToken>/.exec(xml)?.[1]
  const more = textOf(xml, 'IsTruncated') === 'true' && token !== undefined
  return { objects, next: more ? unescapeXml(token) : undefined }
}

function unescapeUrl(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function unescapeXml(text: string): string {
  return text.replace(/&(?:#(\d{1,6})|#x([0-9a-fA-F]{1,5})|(\w{2,4}));/g, (all, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[String(name)] ?? all
    const point = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal)
    return point <= 0x10ffff ? String.fromCodePoint(point) : all
  })
}
