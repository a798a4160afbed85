import { existsSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Requests, request } from './requests.ts'

const ask = (path: string): Promise<boolean> => request(path, 5000)

it('lets who connects wait until it was served, whatever came of it, and is for root only', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'requests-'))
  try {
    const path = join(folder, 'flows.sock')
    // What a process that was killed left.
    writeFileSync(path, '')
    let served = 0
    const requests = await Requests.start(path, async () => {
      served += 1
      await new Promise((resolve) => setTimeout(resolve, 20))
      if (served === 3) throw new Error('it went wrong')
    })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    for (let i = 1; i < 5; i++) {
      expect(await ask(path)).toBe(true)
      expect(served).toBe(i)
    }
    requests.stop()
    expect(await ask(path)).toBe(false)
    expect(existsSync(path)).toBe(false)
  } finally {
    await rm(folder, { recursive: true })
  }
})
