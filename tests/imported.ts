import { z } from 'zod'
import { validate } from '../src/config/validate.ts'
import { type Choices, type Imported, importRouter } from '../src/import/import-router.ts'
import type { Installation } from '../src/import/installation.ts'
import { type Judge, type Settled, settle } from '../src/import/settle.ts'

export const EMPTY: Installation = { interfaces: [], peers: [], rsyslog: [], dumps: [], unread: [] }

export const CHOICES: Choices = {
  rename: new Map(),
  hostname: 'gate',
  timezone: 'Asia/Tokyo',
  ula: 'fd12:3456:789a::/48',
  secretsFolder: '/etc/sekisho/secrets',
  hasFile: () => false,
}

const MODULES = ['unbound', 'kea', 'recorder', 'watch', 'mackerel', 'mariadb', 'softflowd'].map((name) => ({
  name,
  config: z.looseObject({}),
}))

/** The check of the file by itself: what modules say of their keys is theirs. */
export const judge: Judge = (text) => {
  const result = validate(text, 'router.yaml', MODULES)
  return Promise.resolve(result.ok ? result.warnings : result.issues)
}

/** An old router in, a router.yaml out. */
export async function importedYaml(
  from: Partial<Installation>,
  choices: Partial<Choices> = {},
): Promise<{ readonly imported: Imported; readonly settled?: Settled }> {
  const imported = importRouter({ ...EMPTY, ...from }, { ...CHOICES, ...choices })
  if (imported.kind !== 'router') return { imported }
  return { imported, settled: await settle(imported.router, ['A test.'], judge, imported.book) }
}
