import { stat } from 'node:fs/promises'
import type { Issue } from '../config/issue.ts'
import { fileProblem } from './check-host-files.ts'
import type { Router } from './model.ts'

const PPPD = '/usr/sbin/pppd'

/** What a PPPoE session lacks on this machine, which is the router: the program, and the file with the password. */
export async function checkPppoe({ wan: { config } }: Router): Promise<Issue[]> {
  if (config.mode !== 'pppoe') return []
  const found = await fileProblem({ key: [], path: config.password_file, secret: true })
  const pppd = await stat(PPPD).catch(() => undefined)
  return [
    ...(pppd?.isFile()
      ? []
      : [
          {
            path: ['wan', 'mode'],
            message: `pppoe needs ${PPPD}, which is not there`,
            fix: 'apt-get install ppp',
          },
        ]),
    ...(found ? [{ path: ['wan', 'password_file'], ...found }] : []),
  ]
}
