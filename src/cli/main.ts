import { Command } from 'commander'
import pkg from '../../package.json' with { type: 'json' }
import { applyCommand } from './apply.ts'
import { bundleCommand } from './bundle.ts'
import { checkCommand } from './check.ts'
import { devicesCommand } from './devices.ts'
import { initCommand } from './init.ts'
import { installCommand } from './install.ts'
import { labCommand } from './lab.ts'
import { planCommand } from './plan.ts'
import { schemaCommand } from './schema.ts'
import { showCommand } from './show.ts'
import { statusCommand } from './status.ts'
import { testCommand } from './test.ts'

const program = new Command('sekisho')
  .description('A home or small-office router from one file, router.yaml')
  .version(pkg.version)
  .showHelpAfterError()
  .addCommand(initCommand())
  .addCommand(checkCommand())
  .addCommand(planCommand())
  .addCommand(applyCommand())
  .addCommand(statusCommand())
  .addCommand(devicesCommand())
  .addCommand(showCommand())
  .addCommand(schemaCommand())
  .addCommand(bundleCommand())
  .addCommand(installCommand())
  .addCommand(labCommand())
  .addCommand(testCommand())

await program.parseAsync()
