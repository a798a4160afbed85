/** A stream of bytes, as its reader sees it. */
export type Bytes = AsyncIterable<Uint8Array>

/** Streams of the tar library, which says nothing about what is in them. */
export async function* bytesIn(stream: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) if (chunk instanceof Uint8Array) yield chunk
}
