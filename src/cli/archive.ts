import { Command } from 'commander'
import { archiveCheck } from './archive-check.ts'
import { archiveDdl } from './archive-ddl.ts'
import { archiveNow } from './archive-now.ts'
import { archivePolicy } from './archive-policy.ts'
import { archiveSetup } from './archive-setup.ts'

/** `sekisho archive …`: what concerns the archive as a whole. */
export function archiveCommand(): Command {
  return new Command('archive')
    .description('the archive: its bucket, conversion at once, table definitions, and the rights it needs')
    .addCommand(archiveCheck())
    .addCommand(archiveDdl())
    .addCommand(archiveNow())
    .addCommand(archivePolicy())
    .addCommand(archiveSetup())
}
