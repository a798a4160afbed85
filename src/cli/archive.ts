import { Command } from 'commander'
import { archiveDdl } from './archive-ddl.ts'
import { archiveNow } from './archive-now.ts'
import { archivePolicy } from './archive-policy.ts'

/** `sekisho archive …`: what concerns the archive as a whole. */
export function archiveCommand(): Command {
  return new Command('archive')
    .description('the archive: conversion at once, table definitions, and the rights it needs')
    .addCommand(archiveDdl())
    .addCommand(archiveNow())
    .addCommand(archivePolicy())
}
