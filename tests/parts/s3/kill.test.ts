import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FauxqsServer, startFauxqs } from 'fauxqs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { hashFile } from '../../../src/recorder/archive/file-hash.ts'
import { listArchive } from '../../../src/recorder/archive/files.ts'
import { S3Client } from '../../../src/recorder/archive/s3/client.ts'
import { archiveDirectory } from '../../../src/recorder/layout.ts'
import { frame, makeData, runPass, startPass, writeSegment } from '../../archive-pass.ts'

/* The archive's own process, killed in the middle of an upload: the next one brings what was not brought. */

const DAY_MS = 86_400_000
const NAMES = ['a.example', 'b.example', 'c.example']

let server: FauxqsServer
let gate: Server
let sockets: Set<Socket>
let data: string
/** What becomes of an upload: it passes, it is stopped before its body, or its answer is. */
let uploads: 'pass' | 'stop' | 'unanswered'
let stopped: () => void

beforeEach(async () => {
  server = await startFauxqs({ port: 0, host: 'localhost', logger: false })
  server.createBucket('home-network')
  data = await mkdtemp(join(tmpdir(), 'sekisho-s3-kill-'))
  sockets = new Set()
  gate = createServer((down) => {
    const up = connect(server.port, '127.0.0.1')
    for (const socket of [down, up]) sockets.add(socket.on('error', () => {}))
    down.once('data', (first: Buffer) => {
      const held = first.toString('latin1', 0, 4) === 'PUT ' ? uploads : 'pass'
      if (held === 'stop') return stopped()
      up.write(first)
      down.pipe(up)
      if (held === 'pass') return up.pipe(down)
      up.on('data', (answer: Buffer) => {
        if (answer.includes(' 200 ')) stopped()
        else down.write(answer)
      })
    })
  }).listen(0, '127.0.0.1')
  await once(gate, 'listening')
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  gate.close()
  await server.stop()
  await rm(data, { recursive: true })
})

it.each(['stop', 'unanswered'] as const)(
  'an upload that is killed (%s) is brought by the next pass',
  async (how) => {
    const address = gate.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const credentialsFile = join(data, 'credentials')
    await writeFile(credentialsFile, 'AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n')
    const s3 = {
      bucket: 'home-network',
      region: 'ap-northeast-1',
      endpoint: `http://127.0.0.1:${address.port}`,
      prefix: '',
      pathStyle: true,
      credentialsFile,
    }
    const settings = makeData(data, { archive: { format: 'parquet', spoolBytes: 2 ** 30, s3 } })
    const time = new Date(Date.now() - 2 * DAY_MS).toISOString()
    writeSegment(data, [
      frame(
        'dns',
        NAMES.map((queryName) => ({ time, queryName })),
      ),
    ])

    for (let i = 0; i < 2; i++) {
      uploads = how
      const held = new Promise<void>((resolve) => {
        stopped = resolve
      })
      const pass = startPass(settings)
      await held
      pass.child.kill('SIGKILL')
      await pass.ended
    }
    uploads = 'pass'
    expect(await runPass(settings)).toMatchObject({ upload: { uploaded: 1, waiting: 0 } })

    const [file] = await listArchive(data)
    const hash = await hashFile(join(archiveDirectory(data), file?.path ?? ''))
    const client = new S3Client({ settings: s3, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } })
    const key = `site=home/kind=dns/date=${time.slice(0, 10)}/day.parquet`
    expect(await client.head(key)).toEqual({ bytes: hash.bytes, sha256: hash.sha256 })
    expect(await runPass(settings)).toMatchObject({ upload: { uploaded: 0, waiting: 0 } })
  },
)
