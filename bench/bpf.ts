import koffi from 'koffi'

/*
 * The few commands of bpf(2) that the packet generator needs, and the instructions that it is written in
 * (Documentation/bpf/standardization/instruction-set.rst).
 */

const BPF_MAP_CREATE = 0
const BPF_PROG_LOAD = 5
const BPF_PROG_TEST_RUN = 10
const BPF_LINK_CREATE = 28
const BPF_MAP_TYPE_ARRAY = 2
const BPF_PROG_TYPE_XDP = 6
const BPF_XDP = 37
const BPF_F_TEST_XDP_LIVE_FRAMES = 2
const LOG_BYTES = 65_536

const CALL = process.arch === 'arm64' ? 280 : 321
const syscall: (call: number, command: number, attributes: Buffer, length: number) => number = koffi
  .load('libc.so.6')
  .func('long syscall(long call, int command, void *attributes, unsigned int length)')

/** The instruction: opcode, destination and source register, offset, immediate. */
export function insn(opcode: number, dst: number, src: number, offset: number, imm: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt8(opcode, 0)
  bytes.writeUInt8((src << 4) | dst, 1)
  bytes.writeInt16LE(offset, 2)
  bytes.writeInt32LE(imm | 0, 4)
  return bytes
}

/** A register takes 64 bits as they are. */
export function load64(dst: number, value: bigint): Buffer {
  return Buffer.concat([
    insn(0x18, dst, 0, 0, Number(BigInt.asIntN(32, value))),
    insn(0, 0, 0, 0, Number(BigInt.asIntN(32, value >> 32n))),
  ])
}

/** A register points at the value of an array's only element. */
export function loadMapValue(dst: number, map: number): Buffer {
  const BPF_PSEUDO_MAP_VALUE = 2
  return Buffer.concat([insn(0x18, dst, BPF_PSEUDO_MAP_VALUE, 0, map), insn(0, 0, 0, 0, 0)])
}

function bpf(command: number, attributes: Buffer): number {
  const result = syscall(CALL, command, attributes, attributes.length)
  if (result < 0) throw new Error(`bpf(${command}): errno ${koffi.errno()}`)
  return result
}

function address(bytes: Buffer): bigint {
  return BigInt(koffi.address(bytes))
}

/** An array with one element of 8 bytes. */
export function createCounter(): number {
  const attributes = Buffer.alloc(72)
  for (const [i, value] of [BPF_MAP_TYPE_ARRAY, 4, 8, 1].entries()) attributes.writeUInt32LE(value, i * 4)
  return bpf(BPF_MAP_CREATE, attributes)
}

/** Loads an XDP program. Throws what the kernel's verifier says against it. */
export function loadXdp(program: Buffer): number {
  const licence = Buffer.from('GPL\0')
  const log = Buffer.alloc(LOG_BYTES)
  const attributes = Buffer.alloc(128)
  attributes.writeUInt32LE(BPF_PROG_TYPE_XDP, 0)
  attributes.writeUInt32LE(program.length / 8, 4)
  attributes.writeBigUInt64LE(address(program), 8)
  attributes.writeBigUInt64LE(address(licence), 16)
  attributes.writeUInt32LE(1, 24)
  attributes.writeUInt32LE(LOG_BYTES, 28)
  attributes.writeBigUInt64LE(address(log), 32)
  attributes.writeUInt32LE(BPF_XDP, 68)
  try {
    return bpf(BPF_PROG_LOAD, attributes)
  } catch (error) {
    throw new Error(log.toString('latin1').replace(/\0.*/s, ''), { cause: error })
  }
}

/** Attaches an XDP program to a device of the current namespace, until the descriptor is closed. */
export function attachXdp(program: number, ifindex: number): number {
  const attributes = Buffer.alloc(64)
  for (const [i, value] of [program, ifindex, BPF_XDP, 0].entries()) attributes.writeUInt32LE(value, i * 4)
  return bpf(BPF_LINK_CREATE, attributes)
}

/**
 * Runs an XDP program for so many frames of its own making, and does with each what the program says, as if it
 * had come in by the device (Documentation/bpf/bpf_prog_run.rst, "live frame mode").
 */
export function runXdp(program: number, ifindex: number, frame: Buffer, frames: number, batch: number): void {
  const context = Buffer.alloc(24)
  context.writeUInt32LE(frame.length, 4)
  context.writeUInt32LE(ifindex, 12)
  const attributes = Buffer.alloc(88)
  attributes.writeUInt32LE(program, 0)
  attributes.writeUInt32LE(frame.length, 8)
  attributes.writeBigUInt64LE(address(frame), 16)
  attributes.writeUInt32LE(frames, 32)
  attributes.writeUInt32LE(context.length, 40)
  attributes.writeBigUInt64LE(address(context), 48)
  attributes.writeUInt32LE(BPF_F_TEST_XDP_LIVE_FRAMES, 64)
  attributes.writeUInt32LE(batch, 72)
  bpf(BPF_PROG_TEST_RUN, attributes)
}
