import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LabState } from './state.ts'

/** Names what a running lab was made from: its trees and this folder's files. A lab of another recipe is stale. */
export function labRecipe(made: Pick<LabState, 'trees' | 'vm'>): string {
  const hash = createHash('sha256').update(JSON.stringify([made.trees, made.vm]))
  for (const name of readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!/\.(ts|sh|pl)$/.test(name) || name.endsWith('.test.ts')) continue
    hash.update(name).update(readFileSync(join(import.meta.dirname, name)))
  }
  return hash.digest('hex').slice(0, 16)
}
