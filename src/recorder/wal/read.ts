import { type FileHandle, open } from 'node:fs/promises'
import { decodeFrame, FRAME_HEAD_BYTES, type Frame, frameBytes, HEADER } from './frame.ts'

const CHUNK_BYTES = 1024 * 1024

export interface ReadFrame extends Frame {
  /** Where the next frame begins in the file: give it as `from` to go on later. */
  readonly end: number
}

export interface ReadOptions {
  /** Where to begin: 0, or where a frame ended. */
  readonly from?: number
  /** A frame's body lasts only until the next frame: the same memory serves for all, which spares most of the work. */
  readonly transient?: boolean
}

/**
 * Reads a segment's frames in order, and holds about one frame and 1 MiB in memory. Ends at the first frame that is torn, damaged or not written yet, so that it reads the segment that is
 * being written as well. Throws when the file cannot be read or is no segment.
 */
export async function* readFrames(
  path: string,
  { from = 0, transient = false }: ReadOptions = {},
): AsyncGenerator<ReadFrame, void, void> {
  const file = await open(path, 'r')
  try {
    let base = Math.max(from, HEADER.length)
    if (from < HEADER.length) await checkHeader(file, path)
    let memory: Buffer | undefined
    let chunk: Buffer = Buffer.alloc(0)
    for (;;) {
      let at = 0
      for (let frame = decodeFrame(chunk, at); frame; frame = decodeFrame(chunk, at)) {
        at = frame.end
        yield { meta: frame.meta, body: frame.body, end: base + at }
      }
      base += at
      const rest = chunk.subarray(at)
      const bytes = await bytesToRead(file, rest, base)
      if (bytes === undefined) return
      if (!transient || memory === undefined || memory.length < bytes) memory = Buffer.allocUnsafeSlow(bytes)
      const more = await readOn(file, rest, base, memory)
      if (!more) return
      chunk = more
    }
  } finally {
    await file.close()
  }
}

async function checkHeader(file: FileHandle, path: string): Promise<void> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER.length), 0, HEADER.length, 0)
  if (bytesRead < HEADER.length || !buffer.equals(HEADER)) throw new Error(`${path} is not a log segment`)
}

/** How much is to be read, with `rest` of it, which begins at `offset`, to have a whole frame; undefined at the end. */
async function bytesToRead(file: FileHandle, rest: Buffer, offset: number): Promise<number | undefined> {
  const needed = rest.length < FRAME_HEAD_BYTES ? FRAME_HEAD_BYTES : frameBytes(rest, 0)
  // An impossible length, or a frame that is here whole and was refused.
  if (needed === undefined || needed <= rest.length) return undefined
  const left = (await file.stat()).size - offset
  return left < needed ? undefined : Math.max(needed, CHUNK_BYTES)
}

/** `rest` and what follows it, in `memory`, which may be where it is; undefined when the file became shorter. */
async function readOn(
  file: FileHandle,
  rest: Buffer,
  offset: number,
  memory: Buffer,
): Promise<Buffer | undefined> {
  rest.copy(memory)
  let filled = rest.length
  while (filled < memory.length) {
    const { bytesRead } = await file.read(memory, filled, memory.length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled === rest.length ? undefined : memory.subarray(0, filled)
}
