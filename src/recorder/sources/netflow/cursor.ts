import type { ElementValue } from '../../records/netflow.ts'
import { MAX_FIELDS } from './exporters.ts'
import { type Template, VARIABLE } from './template.ts'
import { isTime, microsAt } from './values.ts'

/** Goes through the records of a data set: where the fields of the current one lie, and their values. */
export class Cursor {
  readonly template: Template
  readonly bytes: Buffer
  #end = 0
  /** Shared: only one set is read at a time. */
  static readonly #starts = new Uint32Array(MAX_FIELDS)
  static readonly #lengths = new Uint16Array(MAX_FIELDS)

  constructor(template: Template, bytes: Buffer) {
    this.template = template
    this.bytes = bytes
  }

  /** Goes to the next record; false when what is left is shorter than any record: padding (RFC 7011 section 3.3.1). */
  next(): boolean {
    const { fields, minLength } = this.template
    const { bytes } = this
    let at = this.#end
    if (at + minLength > bytes.length) return false
    let i = 0
    for (const field of fields) {
      let { length } = field
      if (length === VARIABLE) {
        // RFC 7011 section 7: one byte, or 255 and two more.
        if (at >= bytes.length) return false
        length = bytes.readUInt8(at++)
        if (length === 255) {
          if (at + 2 > bytes.length) return false
          length = bytes.readUInt16BE(at)
          at += 2
        }
      }
      Cursor.#starts[i] = at
      Cursor.#lengths[i++] = length
      at += length
    }
    if (at > bytes.length) return false
    this.#end = at
    return true
  }

  /** A field's value; undefined for field -1, and when there is none. */
  value(field: number): ElementValue | undefined {
    return this.template.fields[field]?.read(this.bytes, this.start(field), Cursor.#lengths[field] ?? 0)
  }

  /** After `next` said no: whether a record began that its bytes do not hold. */
  get broken(): boolean {
    return this.#end + this.template.minLength <= this.bytes.length
  }

  /** A field's time in microseconds since 1970; undefined when its element is no time. */
  micros(field: number): number | undefined {
    const found = this.template.fields[field]
    if (!found || !isTime(found.element.type, found.length)) return undefined
    return microsAt(found.element.type, this.bytes, this.start(field), found.length)
  }

  /** Where the first field of an IANA element is; -1 for nowhere. */
  fieldOf(element: number): number {
    return this.template.index.get(element) ?? -1
  }

  /** The number that the first field of an IANA element holds. */
  number(element: number): number | undefined {
    const value = this.value(this.fieldOf(element))
    return typeof value === 'number' ? value : undefined
  }

  text(element: number): string | undefined {
    const value = this.value(this.fieldOf(element))
    return typeof value === 'string' ? value : undefined
  }

  name(field: number): string {
    return this.template.fields[field]?.element.name ?? ''
  }

  start(field: number): number {
    return Cursor.#starts[field] ?? 0
  }

  isZero(field: number): boolean {
    const start = this.start(field)
    for (let at = start; at < start + (Cursor.#lengths[field] ?? 0); at++) {
      if (this.bytes[at] !== 0) return false
    }
    return true
  }
}
