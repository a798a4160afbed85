import { rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'

/** A server on a UNIX socket that answers each connection once, when what it was sent so far makes sense. */
export class FakeControl {
  readonly path: string
  /** How to answer; undefined waits for more. */
  answer: (request: string) => string | Buffer | undefined
  requests: string[] = []
  #server: Server | undefined

  constructor(path: string, answer: (request: string) => string | Buffer | undefined) {
    this.path = path
    this.answer = answer
  }

  async start(): Promise<this> {
    await rm(this.path, { force: true })
    const server = createServer((socket) => {
      let request = ''
      socket.on('error', () => socket.destroy())
      socket.on('data', (chunk) => {
        request += chunk.toString('latin1')
        const reply = this.answer(request)
        if (reply === undefined) return
        this.requests.push(request)
        socket.end(reply)
      })
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.path, resolve))
    return this
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server !== undefined) await new Promise((resolve) => server.close(resolve))
  }
}

/** What unbound 1.22's control port does with local data, in memory: see unbound-control(8). */
export class FakeUnbound extends FakeControl {
  /** "name TTL IN TYPE data", by line. */
  records: Set<string>
  readonly #file: readonly string[]

  constructor(path: string, file: readonly string[] = []) {
    super(path, (request) => this.#reply(request))
    this.#file = file
    this.records = new Set(file)
  }

  /** As a restart or reload does. */
  forget(): void {
    this.records = new Set(this.#file)
  }

  #reply(request: string): string | undefined {
    const [first = '', ...rest] = request.split('\n')
    if (!request.includes('\n')) return undefined
    if (first === 'UBCT1 list_local_data') {
      return [...this.records]
        .map((r) => `${r.replace(/^(\S+) (\d+) IN (\S+) /, '$1\t$2\tIN\t$3\t')}\n\n`)
        .join('')
    }
    const end = rest.indexOf('\u0004')
    if (end < 0) return undefined
    const lines = rest.slice(0, end)
    if (first === 'UBCT1 local_datas') {
      for (const line of lines) this.records.add(line)
      return `added ${lines.length} datas\n`
    }
    if (first === 'UBCT1 local_datas_remove') {
      for (const record of this.records)
        if (lines.includes(record.split(' ')[0] ?? '')) this.records.delete(record)
      return `removed ${lines.length} datas\n`
    }
    return `error unknown command '${first}'\n`
  }
}

export interface FakeLease {
  readonly 'ip-address': string
  readonly hostname: string
  readonly 'hw-address'?: string
  readonly cltt: number
  readonly 'valid-lft': number
  readonly state: number
}

/** Kea's answer to lease4-get-all. */
export class FakeKea extends FakeControl {
  leases: readonly unknown[] = []

  constructor(path: string) {
    super(path, (request) => {
      if (!request.endsWith('}')) return undefined
      if (this.leases.length === 0)
        return '{ "arguments": { "leases": [] }, "result": 3, "text": "0 IPv4 lease(s) found." }'
      return JSON.stringify({ arguments: { leases: this.leases }, result: 0, text: 'found' })
    })
  }
}
