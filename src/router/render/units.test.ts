import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { sampleRouter } from '../../../tests/sample-router.ts'
import { compile } from '../compile.ts'
import type { DesiredState } from '../desired.ts'
import { manifestOf } from '../generation/generation.ts'
import { defineModule } from '../module.ts'

function desired(agentRequests: boolean | undefined): DesiredState {
  const module = defineModule({
    name: 'asks',
    summary: 'A module that may ask the host',
    config: z.strictObject({}),
    build: () => ({
      files: [],
      services: [],
      openings: [],
      logs: [],
      data: [],
      ...(agentRequests !== undefined && { agentRequests }),
    }),
  })
  const compiled = compile(sampleRouter(), [{ module, config: {} }])
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues))
  return compiled.desired
}

const text = (state: DesiredState, path: string): string =>
  state.files.find((file) => file.path === path)?.text ?? ''

describe('typed requests to the host', () => {
  it('are served for a module that asks: a socket of root alone, that boot opens and an apply does not restart', () => {
    const state = desired(true)
    expect(state.units.filter(({ name }) => name.includes('requests'))).toEqual([
      { name: 'sekisho-requests.service', owner: 'core', enable: false },
      { name: 'sekisho-requests.socket', owner: 'core', enable: true },
    ])
    const socket = text(state, 'host/etc/systemd/system/sekisho-requests.socket')
    expect(socket).toContain('ListenStream=/run/sekisho/requests/agent.sock\nSocketMode=0600\n')
    expect(socket).toContain('ConditionPathExists=!/etc/sekisho/down\n')
    expect(manifestOf(state).places.map(({ path }) => path)).toContain(
      '/etc/systemd/system/sockets.target.wants/sekisho-requests.socket',
    )
    expect(text(state, 'host/etc/tmpfiles.d/sekisho-modules.conf')).toContain(
      'd /run/sekisho/requests 0700 root root -\n',
    )
  })

  it.each([false, undefined])('are not, and leave no file, with agentRequests: %s', (flag) => {
    const state = desired(flag)
    expect(JSON.stringify(manifestOf(state))).not.toContain('requests')
    expect(text(state, 'host/etc/tmpfiles.d/sekisho-modules.conf')).not.toContain('requests')
  })
})
