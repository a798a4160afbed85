import { describe, expect, it } from 'vitest'
import { toTrixie } from './apt-sources.ts'

const deb822 = `Types: deb
# a comment
URIs: http://mirror.example.org/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://off.example.org/debian
Suites: bookworm
Components: main

Types: deb deb-src
URIs: http://mirror.example.org/debian-security
Suites:
 bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`

describe('toTrixie', () => {
  it('rewrites deb822 sources and leaves out what is disabled or not wanted', () => {
    expect(
      toTrixie([{ path: '/etc/apt/sources.list.d/debian.sources', text: deb822 }], 'bookworm'),
    ).toBe(`Types: deb
URIs: http://mirror.example.org/debian
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example.org/debian-security
Suites: trixie-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`)
  })

  it('reads one-line sources with options and comments', () => {
    const text = `# deb http://old.example.org/debian bookworm main
deb cdrom:[Debian GNU/Linux 12]/ bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://a.example.org/debian bookworm main non-free # why
deb-src http://a.example.org/debian bookworm main`
    expect(toTrixie([{ path: '/etc/apt/sources.list', text }], 'bookworm')).toBe(`Types: deb
URIs: http://a.example.org/debian
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`)
  })

  it('takes no other vendor that names its suite after Debian', () => {
    const text = `deb [signed-by=/etc/apt/keyrings/vendor.gpg] https://vendor.example.org/x bookworm main
deb https://vendor.example.org/y bookworm stable
deb http://a.example.org/debian-security bookworm-security main`
    expect(toTrixie([{ path: '/etc/apt/sources.list', text }], 'bookworm')).toBeUndefined()
  })
})
