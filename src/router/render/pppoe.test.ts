import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectGolden } from '../../../tests/golden.ts'
import { RouterConfig } from '../../config/schema.ts'
import { compile } from '../compile.ts'
import type { Router } from '../model.ts'
import { normalise } from '../normalise.ts'
import { renderPppoe } from './pppoe.ts'

const GOLDEN = join(import.meta.dirname, 'golden/pppoe')

function router(more: object = {}): Router {
  return normalise(
    RouterConfig.parse({
      version: 1,
      hostname: 'gate',
      wan: {
        mode: 'pppoe',
        interface: 'wan0',
        username: 'user@isp.example',
        password_file: '/etc/sekisho/secrets/pppoe',
        ...more,
      },
      networks: { home: { interfaces: ['lan0'], address: '10.0.0.1/24' } },
    }),
  )
}

function text(name: string, more: object = {}): string {
  return renderPppoe(router(more)).find(({ path }) => path === name)?.text ?? ''
}

let scratch = ''
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sekisho-pppoe-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

describe('what a PPPoE session is made of', () => {
  const CASES = {
    plain: {},
    full: {
      vlan: 7,
      mtu_bytes: 1454,
      ipv6: 'off',
      username: 'a "b" \\c #d',
      password_file: "/etc/sekisho/it's here",
      service_name: 'the internet',
      ac_name: 'bras-1',
      lcp_echo_secs: 5,
      lcp_echo_failures: 6,
    },
  }
  test.for(Object.entries(CASES))('golden %s', async ([name, more]) => {
    const compiled = compile(router(more), [])
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues))
    const own = compiled.desired.files.filter(({ path }) =>
      /pppoe|tmpfiles.d.sekisho.conf|modules-load/.test(path),
    )
    await expectGolden(
      join(GOLDEN, name),
      Object.fromEntries(own.map(({ path, text }) => [path.replace(/.*\//, ''), text])),
    )
    expect(own.find(({ path }) => path === 'pppoe-up.sh')?.mode, 'pppd runs it').toBe(0o755)
    expect(compiled.desired.units.find(({ name: unit }) => unit === 'sekisho-pppoe.service')).toMatchObject({
      enable: true,
      reconnects: true,
    })
  })

  test('is nothing with another WAN', () => {
    const dhcp = { version: 1, hostname: 'gate', wan: { mode: 'dhcp', interface: 'wan0' }, networks: {} }
    const compiled = compile(normalise(RouterConfig.parse(dhcp)), [])
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues))
    expect(compiled.desired.files.filter(({ text }) => /ppp/i.test(text)).map(({ path }) => path)).toEqual([])
    expect(compiled.desired.units.map(({ name }) => name)).not.toContain('sekisho-pppoe.service')
  })

  test('each name is one word of pppd, whatever it holds', () => {
    const name = fc.stringMatching(/^[!-~]([ -~]{0,60}[!-~])?$/)
    fc.assert(
      fc.property(name, name, name, (username, service_name, ac_name) => {
        const words = pppdWords(text('pppoe.options', { username, service_name, ac_name }))
        const following = (option: string) => words[words.indexOf(option) + 1]
        expect([following('pppoe-service'), following('pppoe-ac'), following('user')]).toEqual([
          service_name,
          ac_name,
          username,
        ])
      }),
    )
  })
})

/** The words of an option file as pppd reads them: quotes, backslashes and comments (pppd(8), OPTIONS FILES). */
function pppdWords(options: string): string[] {
  const words: string[] = []
  for (const line of options.split('\n')) {
    for (const [word] of line.replace(/^\s*#.*/, '').matchAll(/"(?:\\.|[^"\\])*"|\S+/g))
      words.push(word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word)
  }
  return words
}

describe('the loop', () => {
  /** Runs pppoe.sh with a pppd, a port and a clock of ours until it has tried `codes` in turn; returns what it did. */
  function tries(codes: readonly number[], passwordFile = join(scratch, 'password'), words = ''): string {
    const bin = join(scratch, 'bin')
    const port = join(scratch, 'wan0')
    for (const folder of [bin, port, join(scratch, 'run')]) mkdirSync(folder, { recursive: true })
    writeFileSync(join(port, 'carrier'), '1\n')
    writeFileSync(join(scratch, 'codes'), codes.join('\n'))
    const log = join(scratch, 'log')
    writeFileSync(log, '')
    writeFileSync(
      join(bin, 'pppd'),
      `#!/bin/sh
printf 'password ' >>${log}; cat >>${log}; printf '\\n' >>${log}
code=$(head -n 1 ${scratch}/codes); sed -i 1d ${scratch}/codes
echo '${words}'
[ "$code" != 0 ] || printf 'state=up\\n' >${scratch}/run/session
exit "$code"
`,
      { mode: 0o755 },
    )
    // A pause is told once, by its length, instead of waited for.
    writeFileSync(
      join(bin, 'sleep'),
      `#!/bin/sh
grep -q . ${scratch}/codes || kill "$PPID"
`,
      { mode: 0o755 },
    )
    const script = text('pppoe.sh', { password_file: passwordFile })
      .replaceAll('/run/sekisho/ppp', `${scratch}/run`)
      .replace('PATH=', `PATH=${bin}:`)
      .replaceAll('/sys/class/net/$port', port)
    const file = join(scratch, 'pppoe.sh')
    writeFileSync(file, script)
    let said = ''
    try {
      said = execFileSync('sh', [file], {
        encoding: 'utf8',
        timeout: 30_000,
        stdio: ['ignore', 'pipe', 'ignore'],
      })
    } catch (error) {
      said = (error as { stdout: string }).stdout
    }
    return readFileSync(log, 'utf8') + said.replaceAll('sekisho: the PPPoE session ended ', '')
  }

  test('gives the password as it is, and waits longer after each failure', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a hostile password
    const password = ' a"b\'c\\d $(touch /tmp/x) `id` ${HOME} # %s é '
    writeFileSync(join(scratch, 'password'), `${password}\r\nsecond line\n`)
    const did = tries([8, 8, 15, 19, 19, 10])
    expect(did.match(/^password .*$/gm)).toEqual(Array(6).fill(`password ${password}`))
    expect(did.match(/next try in \d+ s/g)).toEqual(
      [1, 2, 4, 80, 160, 30].map((pause) => `next try in ${pause} s`),
    )
  })

  test('knows a refusal by what pppd says, however it ends', () => {
    writeFileSync(join(scratch, 'password'), 'secret')
    const did = tries([16, 16], undefined, 'CHAP authentication failed: who are you?')
    expect(did.match(/exit=\d+ failures=\d+/g)).toEqual(['exit=19 failures=1', 'exit=19 failures=2'])
  })

  test('a short session is a failure too', () => {
    writeFileSync(join(scratch, 'password'), 'secret')
    expect(tries([0, 0, 0]).match(/next try in \d+ s/g)).toEqual([
      'next try in 1 s',
      'next try in 2 s',
      'next try in 4 s',
    ])
  })

  test('says that there is no password, and asks nobody', () => {
    const did = tries([], join(scratch, 'missing'))
    expect(did).toContain(`${scratch}/missing is missing or its first line is empty`)
    expect(did).not.toContain('password ')
  })
})
