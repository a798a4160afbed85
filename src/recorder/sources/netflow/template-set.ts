import { MAX_FIELDS } from './exporters.ts'
import { compileTemplate, type FieldSpecifier, type Template, VARIABLE } from './template.ts'

export interface Definition {
  readonly id: number
  readonly template: Template
}

export interface TemplateSet {
  readonly definitions: readonly Definition[]
  /** Definitions that make no sense; after one whose end is unknown nothing more can be read. */
  readonly malformed: number
  readonly withdrawals: number
}

const FIRST_ID = 256
const ENTERPRISE = 0x8000
/** What NetFlow v9's scopes are in IPFIX: system, interface, line card, cache, template (RFC 3954 section 6.1). */
const V9_SCOPES = [0, 149, 10, 141, 0, 145]

/** Reads the body of a template set (RFC 3954 section 5.2, RFC 7011 section 3.4.1). */
export function readTemplates(version: 9 | 10, body: Buffer): TemplateSet {
  return read(body, 4, (at) => {
    const id = body.readUInt16BE(at)
    const count = body.readUInt16BE(at + 2)
    return { id, scopes: undefined, count, fields: readFields(version, body, at + 4, count) }
  })
}

/** Reads the body of an options template set (RFC 3954 section 6.1, RFC 7011 section 3.4.2.2). */
export function readOptionsTemplates(version: 9 | 10, body: Buffer): TemplateSet {
  return read(body, version === 9 ? 6 : 4, (at) => {
    const id = body.readUInt16BE(at)
    const first = body.readUInt16BE(at + 2)
    if (version === 10) {
      // A withdrawal ends here.
      if (first === 0) return { id, scopes: 0, count: 0, fields: { list: [], end: at + 4 } }
      if (at + 6 > body.length) return { id, scopes: 0, count: first, fields: undefined }
      const scopes = body.readUInt16BE(at + 4)
      const fields = scopes > first ? undefined : readFields(10, body, at + 6, first)
      return { id, scopes, count: first, fields }
    }
    // Version 9 has lengths in bytes, and its own numbers for what a scope is.
    const scopes = Math.floor(first / 4)
    const count = scopes + Math.floor(body.readUInt16BE(at + 4) / 4)
    const fields = readFields(9, body, at + 6, count)
    const list = fields?.list.map((field, i) =>
      i < scopes ? { ...field, number: V9_SCOPES[field.number] ?? 0 } : field,
    )
    return { id, scopes, count, fields: fields && list && { list, end: fields.end } }
  })
}

interface Fields {
  readonly list: readonly FieldSpecifier[]
  readonly end: number
}

interface Raw {
  readonly id: number
  readonly scopes: number | undefined
  readonly count: number
  /** Undefined when they go beyond the set. */
  readonly fields: Fields | undefined
}

function read(body: Buffer, headBytes: number, readOne: (at: number) => Raw): TemplateSet {
  const definitions: Definition[] = []
  let malformed = 0
  let withdrawals = 0
  let at = 0
  while (at + headBytes <= body.length) {
    const { id, scopes, count, fields } = readOne(at)
    // A template's number is never 0: what is left is padding.
    if (id === 0 && count === 0) break
    if (!fields) return { definitions, malformed: malformed + 1, withdrawals }
    at = fields.end
    if (count === 0) {
      withdrawals += 1
      continue
    }
    const template = id >= FIRST_ID && count <= MAX_FIELDS ? compileTemplate(fields.list, scopes) : undefined
    if (template) definitions.push({ id, template })
    else malformed += 1
  }
  return { definitions, malformed, withdrawals }
}

/** NetFlow v9 has no enterprise numbers, and no fields of variable length (RFC 3954 section 5.2). */
function readFields(version: 9 | 10, body: Buffer, start: number, count: number): Fields | undefined {
  const list: FieldSpecifier[] = []
  let at = start
  for (let i = 0; i < count; i++) {
    if (at + 4 > body.length) return undefined
    const number = body.readUInt16BE(at)
    const length = body.readUInt16BE(at + 2)
    at += 4
    if (version === 9) {
      if (length === VARIABLE) return undefined
      list.push({ enterprise: 0, number, length })
    } else if (number < ENTERPRISE) list.push({ enterprise: 0, number, length })
    else {
      if (at + 4 > body.length) return undefined
      list.push({ enterprise: body.readUInt32BE(at), number: number - ENTERPRISE, length })
      at += 4
    }
  }
  return { list, end: at }
}
