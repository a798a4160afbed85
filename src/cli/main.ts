import { Command } from 'commander'
import pkg from '../../package.json' with { type: 'json' }

/** Each loads its own file only: a question about the records is answered sooner than all commands are read. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  init: async () => (await import('./init.ts')).initCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  plan: async () => (await import('./plan.ts')).planCommand(),
  apply: async () => (await import('./apply.ts')).applyCommand(),
  status: async () => (await import('./status.ts')).statusCommand(),
  devices: async () => (await import('./devices.ts')).devicesCommand(),
  logs: async () => (await import('./logs.ts')).logsCommand(),
  query: async () => (await import('./query.ts')).queryCommand(),
  dns: async () => (await import('./dns.ts')).dnsCommand(),
  archive: async () => (await import('./archive.ts')).archiveCommand(),
  cost: async () => (await import('./cost.ts')).costCommand(),
  show: async () => (await import('./show.ts')).showCommand(),
  schema: async () => (await import('./schema.ts')).schemaCommand(),
  bundle: async () => (await import('./bundle.ts')).bundleCommand(),
  install: async () => (await import('./install.ts')).installCommand(),
  lab: async () => (await import('./lab.ts')).labCommand(),
  bench: async () => (await import('./bench.ts')).benchCommand(),
  test: async () => (await import('./test.ts')).testCommand(),
}

const program = new Command('sekisho')
  .description('A home or small-office router from one file, router.yaml')
  .version(pkg.version)
  .showHelpAfterError()

const asked = process.argv[2] ?? ''
// Anything but a command's name is about all of them: --help, a slip of the finger.
const wanted = Object.hasOwn(COMMANDS, asked) ? [asked] : Object.keys(COMMANDS)
for (const name of wanted) {
  const command = await COMMANDS[name]?.()
  if (command) program.addCommand(command)
}

await program.parseAsync()
