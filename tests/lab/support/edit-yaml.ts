import { type Document, parseDocument } from 'yaml'
import type { Lab } from '../../../src/lab/lab.ts'
import { baselineYaml } from './router-yaml.ts'

/** examples/lab.yaml as text after `edit` changed its document: comments and order stay. */
export async function editedYaml(lab: Lab, edit: (document: Document) => void): Promise<string> {
  const document = parseDocument(await baselineYaml(lab))
  edit(document)
  return document.toString()
}
