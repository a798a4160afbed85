import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { loadRouter } from '../load-router.ts'
import { initCommand } from './init.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'init-'))
  vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  vi.spyOn(process.stderr, 'write').mockReturnValue(true)
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true })
  process.exitCode = undefined
})

async function init(...args: string[]): Promise<unknown> {
  process.exitCode = undefined
  await initCommand().parseAsync(['--yes', ...args], { from: 'user' })
  return process.exitCode
}

describe('init --yes', () => {
  it('writes a file that passes check, and leaves nothing beside it', async () => {
    const file = join(folder, 'deep', 'router.yaml')
    expect(
      await init(
        '--wan',
        'eth7',
        '--lan',
        'eth8',
        'eth9',
        '--hostname',
        'gw',
        '--timezone',
        'Asia/Tokyo',
        '-o',
        file,
      ),
    ).toBe(0)
    expect(readdirSync(join(folder, 'deep'))).toEqual(['router.yaml'])
    const loaded = await loadRouter(file)
    expect(loaded.ok && loaded.router).toMatchObject({
      hostname: 'gw',
      timezone: 'Asia/Tokyo',
      wan: { device: 'eth7' },
    })
    expect(loaded.ok && loaded.router.networks[0]).toMatchObject({ device: 'br-home', bridged: true })
  })

  it('writes a WAN with PPPoE, whatever the user name', async () => {
    const file = join(folder, 'router.yaml')
    for (const username of ['user@isp.example', '0123', 'a: "b" # c', "null '\\"]) {
      expect(await init('--wan', 'eth7', '--lan', 'eth8', '--pppoe', username, '-o', file, '--force')).toBe(0)
      const loaded = await loadRouter(file)
      expect(loaded.ok && loaded.router.wan).toMatchObject({
        device: 'ppp-wan',
        member: { device: 'eth7' },
        config: { mode: 'pppoe', username, password_file: '/etc/sekisho/secrets/pppoe' },
      })
    }
    expect(await init('--wan', 'eth7', '--lan', 'eth8', '--pppoe', ' x', '-o', `${file}.2`)).toBe(1)
    expect(readdirSync(folder)).toEqual(['router.yaml'])
  })

  it('keeps an existing file unless forced', async () => {
    const file = join(folder, 'router.yaml')
    writeFileSync(file, 'mine')
    expect(await init('--wan', 'eth7', '--lan', 'eth8', '-o', file)).toBe(1)
    expect(readFileSync(file, 'utf8')).toBe('mine')
    expect(await init('--wan', 'eth7', '--lan', 'eth8', '-o', file, '--force')).toBe(0)
    expect(readFileSync(file, 'utf8')).toContain('interface: eth7')
    expect(readdirSync(folder)).toEqual(['router.yaml'])
  })

  it('writes nothing that check would refuse', async () => {
    const file = join(folder, 'router.yaml')
    for (const lan of ['eth7', '../../x', 'a b', 'eth8]\nx: 1'])
      expect(await init('--wan', 'eth7', '--lan', lan, '-o', file)).toBe(1)
    expect(await init('--wan', 'eth7', '-o', file)).toBe(1)
    expect(readdirSync(folder)).toEqual([])
  })
})
