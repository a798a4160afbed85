import { Command } from 'commander'
import type { OwnedFile } from '../router/desired.ts'
import { loadOrReport } from './report.ts'

/** `sekisho show [PATH]`: the generated files with the module each belongs to, or one of them. */
export function showCommand(): Command {
  return new Command('show')
    .description('the files that router.yaml makes, with the module each belongs to, or the text of one')
    .argument('[path]', 'a file as the list names it, or its path on the router')
    .option('-f, --file <file>', 'the router.yaml')
    .action(async (path: string | undefined, options: { file?: string }) => {
      const loaded = await loadOrReport(options.file, false)
      if (!loaded) return
      const { files } = loaded.desired
      if (path === undefined) {
        process.stdout.write(list(files))
        return
      }
      const file = files.find((candidate) => [candidate.path, placeOf(candidate)].includes(path))
      if (!file) {
        process.stderr.write(`${path} is not generated. Fix: "sekisho show" lists what is\n`)
        process.exitCode = 1
      } else {
        process.stdout.write(file.secret ? 'This file holds a secret and is not shown.\n' : file.text)
      }
    })
}

/** Where the file is used: in /etc for host files, below /etc/sekisho/current for the others. */
function placeOf({ path }: OwnedFile): string {
  return path.startsWith('host/') ? path.slice('host'.length) : `/etc/sekisho/current/${path}`
}

function list(files: readonly OwnedFile[]): string {
  const width = Math.max(...files.map((file) => file.owner.length))
  return files
    .map((file) => `${file.owner.padEnd(width)}  ${placeOf(file)}${file.secret ? '  (secret)' : ''}\n`)
    .join('')
}
