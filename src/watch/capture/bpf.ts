/*
 * An assembler for classic BPF (linux/filter.h): what the kernel runs over each packet before anything is copied. Loads
 * beyond the packet's end make the program return 0: the packet is not taken.
 */

const SIZE = { word: 0x00, half: 0x08, byte: 0x10 } as const
const JUMP = { equal: 0x15, anyBit: 0x45 } as const

/** Offsets of what the kernel knows besides the bytes (SKF_AD_*). */
export const ANCILLARY = { vlanTag: 0xffff_f000 + 44, vlanTagPresent: 0xffff_f000 + 48 } as const

type Step =
  | { readonly label: string }
  | {
      readonly code: number
      readonly k: number
      /** Labels; the next instruction where there is none. */
      readonly yes?: string
      readonly no?: string
    }

/** A = the field at an offset from the packet's beginning (or an ANCILLARY one). */
export function load(size: keyof typeof SIZE, offset: number): Step {
  return { code: 0x20 | SIZE[size], k: offset }
}

/** A = the field at X + offset. */
export function loadAtX(size: keyof typeof SIZE, offset: number): Step {
  return { code: 0x40 | SIZE[size], k: offset }
}

export function setX(value: number): Step {
  return { code: 0x01, k: value }
}

/** X = X + A, with A shifted left before. */
export function advanceX(shift = 0): readonly Step[] {
  return [...(shift > 0 ? [{ code: 0x64, k: shift }] : []), { code: 0x0c, k: 0 }, { code: 0x07, k: 0 }]
}

export function setA(value: number): Step {
  return { code: 0x00, k: value }
}

export function addToA(value: number): Step {
  return { code: 0x04, k: value }
}

export function mask(bits: number): Step {
  return { code: 0x54, k: bits }
}

/** Keeps A in the scratch memory, and gets it back. */
export function keep(): Step {
  return { code: 0x02, k: 0 }
}

export function recall(): Step {
  return { code: 0x60, k: 0 }
}

/** Goes to a label when A is the value (or has any of its bits), else to another, or on. */
export function when(test: keyof typeof JUMP, value: number, yes: string | undefined, no?: string): Step {
  return {
    code: JUMP[test],
    k: value,
    ...(yes !== undefined && { yes }),
    ...(no !== undefined && { no }),
  }
}

export function goTo(label: string): Step {
  return { code: 0x05, k: 0, yes: label }
}

/** The end: how many bytes of the packet are taken at most. */
export function take(bytes: number): Step {
  return { code: 0x06, k: bytes }
}

export function label(name: string): Step {
  return { label: name }
}

/** The program's bytes, for SO_ATTACH_FILTER; throws on a label that is not ahead, or too far. */
export function assemble(steps: readonly Step[]): Buffer {
  const places = new Map<string, number>()
  let count = 0
  for (const step of steps) {
    if ('label' in step) places.set(step.label, count)
    else count += 1
  }
  const program = Buffer.alloc(count * 8)
  let at = 0
  const distance = (to: string | undefined, most: number): number => {
    if (to === undefined) return 0
    const jump = (places.get(to) ?? -1) - at - 1
    if (jump < 0 || jump > most) throw new Error(`no way to ${to}`)
    return jump
  }
  for (const step of steps) {
    if ('label' in step) continue
    const { code, k, yes, no } = step
    const always = code === 0x05
    program.writeUInt16LE(code, at * 8)
    program.writeUInt8(always ? 0 : distance(yes, 255), at * 8 + 2)
    program.writeUInt8(distance(no, 255), at * 8 + 3)
    program.writeUInt32LE(always ? distance(yes, 4096) : k, at * 8 + 4)
    at += 1
  }
  return program
}
