import type { Lab } from '../../../src/lab/lab.ts'

/** Source of a user's module with one container, which is as healthy as `healthy` says. */
function moduleText(name: string, healthy: boolean): string {
  return `import { defineModule } from 'sekisho'
import { z } from 'zod'

export const it = defineModule({
  name: '${name}',
  summary: 'for a test',
  config: z.strictObject({}),
  build: () => ({
    files: [{ path: 'note.txt', text: 'a note\\n' }],
    services: [{
      name: '${name}',
      image: 'build',
      listens: [],
      mounts: [
        { kind: 'file', file: 'note.txt', target: '/note.txt' },
        { kind: 'data', volume: 'things', target: '/things' },
      ],
      health: {
        test: ['sh', '-c', 'echo ${healthy ? 'well; exit 0' : 'this one is never well; exit 1'}'],
        intervalSecs: 1, retries: 2, startSecs: 1,
      },
    }],
    openings: [],
    logs: [],
    data: [{ name: 'things', owner: '65534:65534', mode: 0o700, backup: false }],
  }),
})
`
}

const DOCKERFILE = 'FROM sekisho/base\nCMD ["sleep", "infinity"]\n'

/** Writes a module into /root/modules/NAME on the router; `modules.NAME.path` then names it. */
export async function writeUserModule(lab: Lab, name: string, healthy: boolean): Promise<string> {
  const folder = `/root/modules/${name}`
  await lab.router.writeFile(`${folder}/module.ts`, moduleText(name, healthy))
  await lab.router.writeFile(`${folder}/Dockerfile`, DOCKERFILE)
  return folder
}
