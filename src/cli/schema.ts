import { Command } from 'commander'
import { routerJsonSchema } from '../config/schema-json.ts'
import { MODULES } from '../modules.ts'

/** `sekisho schema`: the JSON Schema of router.yaml with every module's keys, for editors. */
export function schemaCommand(): Command {
  return new Command('schema')
    .description('print the JSON Schema of router.yaml, for editors that complete and check')
    .action(() => {
      process.stdout.write(schemaText())
    })
}

/** The text of docs/router.schema.json. */
export function schemaText(): string {
  return `${JSON.stringify(routerJsonSchema(MODULES), null, 2)}\n`
}
