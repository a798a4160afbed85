/** A stream of bytes, as its reader sees it. */
export type Bytes = AsyncIterable<Uint8Array>

/** Streams of the tar library, which says nothing about what is in them. */
export async function* bytesIn(stream: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) if (chunk instanceof Uint8Array) yield chunk
}

/** Resolves when a stream takes more, or never will again. */
export function drained(stream: NodeJS.WritableStream): Promise<void> {
  const events = ['drain', 'close', 'error']
  return new Promise((resolve) => {
    const done = () => {
      for (const event of events) stream.off(event, done)
      resolve()
    }
    for (const event of events) stream.on(event, done)
  })
}
