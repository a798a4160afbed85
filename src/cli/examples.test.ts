import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadRouter } from '../load-router.ts'

const FOLDER = join(import.meta.dirname, '../../examples')

describe('examples', () => {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'))

  it.each(names)('%s passes check without a warning', async (name) => {
    const loaded = await loadRouter(join(FOLDER, name))
    expect(loaded.ok ? loaded.warnings : loaded.issues).toEqual([])
  })

  it.each(['home.yaml', 'office.yaml', 'pppoe.yaml'])('%s names its schema for editors', (name) => {
    const [first] = readFileSync(join(FOLDER, name), 'utf8').split('\n')
    expect(first).toBe('# yaml-language-server: $schema=../docs/router.schema.json')
  })

  it('a home needs about 12 lines', () => {
    const lines = readFileSync(join(FOLDER, 'home.yaml'), 'utf8').split('\n')
    expect(lines.filter((line) => line.trim() !== '' && !line.startsWith('#')).length).toBeLessThanOrEqual(12)
  })
})
