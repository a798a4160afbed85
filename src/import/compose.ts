import { parse } from '../config/parse.ts'
import { record } from './json-source.ts'
import type { ReportBook } from './report.ts'
import type { Source } from './source.ts'

/** What became of the services of the old docker-compose.yml. */
const SERVICES: Readonly<Record<string, string>> = {
  unbound: 'modules.unbound',
  kea: 'modules.kea',
  'kea-db': 'leases are in a file, or in modules.mariadb',
  fluentd: 'modules.recorder takes what Fluentd took',
  softflowd: 'modules.watch has every connection from the kernel; modules.softflowd exports NetFlow',
  'dns-gazer': 'modules.watch sees every question and answer',
}

/** Tells what becomes of each service. */
export function readCompose({ file, text }: Source, book: ReportBook): void {
  const { source } = parse(text, file)
  if (!source) {
    book.add('left', file, 'docker-compose.yml', 'it is no YAML')
    return
  }
  const root = record(source.value)
  // Version 1 of the format has the services at the top.
  const path = Object.hasOwn(root, 'services') ? ['services'] : []
  const services = path.length > 0 ? record(root.services) : root
  for (const name of Object.keys(services).slice(0, 200)) {
    const at = `${file}:${source.locate([...path, name], 'key').line}`
    const known = Object.hasOwn(SERVICES, name) ? SERVICES[name] : undefined
    if (known !== undefined) book.add('carried', at, `the service ${name}`, known)
    else if (path.length > 0 || typeof services[name] === 'object')
      book.add(
        'left',
        at,
        `the service ${name.slice(0, 40)}`,
        'Sekisho has no such module; docs: a module of your own',
      )
  }
}
