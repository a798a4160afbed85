import { createSocket } from 'node:dgram'
import { expect, it } from 'vitest'
import { freeUdpPort } from '../../../tests/free-port.ts'
import { UdpSocket } from './udp-socket.ts'

async function send(count: number, port: number, address: '127.0.0.1' | '::1', bytes = 100): Promise<number> {
  const socket = createSocket(address === '::1' ? 'udp6' : 'udp4')
  for (let i = 0; i < count; i++)
    await new Promise((done) => socket.send(Buffer.alloc(bytes, i), port, address, done))
  const from = socket.address().port
  socket.close()
  return from
}

function readAll(socket: UdpSocket): number {
  let count = 0
  while (socket.receive()) count += 1
  return count
}

it('gives what was sent, and who sent it, in both versions', async () => {
  const port = await freeUdpPort()
  const socket = UdpSocket.open('::', port, 100_000)
  try {
    expect(await socket.wait(0)).toBe(false)
    for (const address of ['127.0.0.1', '::1'] as const) {
      const from = await send(1, port, address, 3)
      expect(await socket.wait(5000)).toBe(true)
      expect(socket.receive()).toEqual(Buffer.alloc(3, 0))
      expect(socket.sender()).toEqual({ address, port: from })
    }
    await send(1, port, '127.0.0.1', 0)
    expect(await socket.wait(5000)).toBe(true)
    expect(socket.receive()).toHaveLength(0)
    expect(socket.receive()).toBeUndefined()
  } finally {
    socket.close()
  }
})

it('says exactly how many found no room', async () => {
  const port = await freeUdpPort()
  const socket = UdpSocket.open('127.0.0.1', port, 20_000)
  try {
    await send(2000, port, '127.0.0.1')
    const { drops } = socket
    expect(drops).toBeGreaterThan(0)
    expect(readAll(socket) + drops).toBe(2000)
    await send(5, port, '127.0.0.1')
    expect(readAll(socket)).toBe(5)
    expect(socket.drops).toBe(drops)
  } finally {
    socket.close()
  }
})

it('says how much room there is', async () => {
  const socket = UdpSocket.open('127.0.0.1', await freeUdpPort(), 64_000)
  expect(socket.receiveBuffer).toBe(128_000)
  socket.close()
})

it('does not bind what another has, nor what is no address', async () => {
  const port = await freeUdpPort()
  const socket = UdpSocket.open('127.0.0.1', port, 1000)
  expect(() => UdpSocket.open('127.0.0.1', port, 1000)).toThrow(
    `127.0.0.1 port ${port}/udp: address already in use (EADDRINUSE)`,
  )
  expect(() => UdpSocket.open('home', port, 1000)).toThrow('this is no address')
  socket.close()
})
