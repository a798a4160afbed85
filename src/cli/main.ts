import { runProgram } from './program.ts'

// Each loads its own files only.
await runProgram({
  init: async () => (await import('./init.ts')).initCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  plan: async () => (await import('./plan.ts')).planCommand(),
  apply: async () => (await import('./apply.ts')).applyCommand(),
  generations: async () => (await import('./generations.ts')).generationsCommand(),
  diff: async () => (await import('./diff.ts')).diffCommand(),
  status: async () => (await import('./status.ts')).statusCommand(),
  devices: async () => (await import('./devices.ts')).devicesCommand(),
  top: async () => (await import('./top.ts')).topCommand(),
  device: async () => (await import('./device.ts')).deviceCommand(),
  who: async () => (await import('./who.ts')).whoCommand(),
  watch: async () => (await import('./watch.ts')).watchCommand(),
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
})
