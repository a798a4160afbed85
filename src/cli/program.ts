import { Command } from 'commander'
import pkg from '../../package.json' with { type: 'json' }

/** Commands by name; each loads its own files only. */
export type Commands = Readonly<Record<string, () => Promise<Command>>>

/** Runs the command line with these commands. */
export async function runProgram(commands: Commands): Promise<void> {
  const program = new Command('sekisho')
    .description('A home and small-office router from one file, router.yaml')
    .version(pkg.version)
    .showHelpAfterError()
  const asked = process.argv[2] ?? ''
  // Anything but a command's name is about all of them: --help, a slip of the finger.
  const wanted = Object.hasOwn(commands, asked) ? [asked] : Object.keys(commands)
  for (const name of wanted) {
    const command = await commands[name]?.()
    if (command) program.addCommand(command)
  }
  await program.parseAsync()
}
