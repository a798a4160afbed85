import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run } from '../lib/run.ts'
import { isAuthorityFor, makeAuthority, makeServerCertificate, type Subject } from './authority.ts'
import { certificateFiles } from './certificate-files.ts'
import { CertificateJob } from './certificate-job.ts'

const DAY = 24 * 60 * 60_000
const NAMES = ['gate.home.arpa', 'localhost']
const ADDRESSES = ['10.0.0.1', 'fd12:3456:789a:1::1', '127.0.0.1', '::1']
/** A child with the certificate library is begun; this machine may be busy. */
const WAIT = 60_000

let directory: string
let files: ReturnType<typeof certificateFiles>
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sekisho-certificate-'))
  files = certificateFiles(directory)
})
afterEach(() => rmSync(directory, { recursive: true }))

async function pass(
  names: readonly string[] = NAMES,
  addresses: readonly string[] = ADDRESSES,
): Promise<string[]> {
  const said: string[] = []
  await new CertificateJob({ directory, names, addresses }, (line) => said.push(line)).run()
  return said
}

const text = (path: string) => readFileSync(path, 'utf8')

describe('the certificate job', () => {
  it('makes an authority and a certificate, and does nothing the next time', { timeout: WAIT }, async () => {
    expect(await pass()).toEqual([expect.stringContaining('a new authority')])
    const cert = new X509Certificate(text(files.cert))
    expect(cert.subjectAltName?.split(', ')).toHaveLength(6)
    const days = (Date.parse(cert.validTo) - Date.parse(cert.validFrom)) / DAY
    expect(days).toBe(397)
    const authority = new X509Certificate(text(files.authorityCert))
    expect([authority.ca, cert.ca]).toEqual([true, false])
    for (const path of [files.authorityKey, files.key]) expect(statSync(path).mode & 0o777).toBe(0o600)
    const before = text(files.cert)
    expect(await pass()).toEqual([])
    expect(text(files.cert)).toBe(before)
  })

  it('keeps the authority when the addresses change, and not when the name does', {
    timeout: WAIT,
  }, async () => {
    await pass()
    const authority = text(files.authorityCert)
    expect(await pass(NAMES, ['192.168.7.1', '127.0.0.1'])).toHaveLength(1)
    expect(text(files.authorityCert)).toBe(authority)
    expect(new X509Certificate(text(files.cert)).checkIP('192.168.7.1')).toBe('192.168.7.1')
    expect(await pass(['door.home.arpa', 'localhost'])).toEqual([expect.stringContaining('a new authority')])
    expect(text(files.authorityCert)).not.toBe(authority)
    expect(text(files.ca)).toBe(text(files.authorityCert))
  })

  it.each(['key', 'cert', 'authorityCert', 'authorityKey'] as const)(
    'mends a damaged %s',
    { timeout: WAIT },
    async (which) => {
      await pass()
      writeFileSync(files[which], 'x')
      await pass()
      // A key that nothing here reads until it is needed.
      if (which === 'authorityKey') await pass([...NAMES].reverse(), ['10.0.0.2'])
      expect(await verifies(text(files.cert), text(files.ca))).toBe(true)
      expect(
        new X509Certificate(text(files.cert)).verify(new X509Certificate(text(files.ca)).publicKey),
      ).toBe(true)
    },
  )

  it('renews it when two thirds of its time are over', { timeout: WAIT }, async () => {
    await pass()
    // As if it were made long ago.
    const old = await makeAuthority('gate', { names: NAMES, addresses: ADDRESSES }, Date.now() - 300 * DAY)
    writeFileSync(files.authorityCert, old.cert)
    writeFileSync(files.authorityKey, old.key)
    for (const [age, renewed] of [
      [255, 0],
      [275, 1],
    ] as const) {
      const made = await makeServerCertificate(
        old,
        { names: NAMES, addresses: ADDRESSES },
        Date.now() - age * DAY,
      )
      writeFileSync(files.cert, made.cert)
      writeFileSync(files.key, made.key)
      expect(await pass()).toHaveLength(renewed)
      expect(text(files.authorityCert)).toBe(old.cert)
    }
  })
})

/** As OpenSSL sees it, for a server. */
async function verifies(cert: string, ca: string): Promise<boolean> {
  const paths = [join(directory, 'chain.pem'), join(directory, 'root.pem')] as const
  writeFileSync(paths[0], cert)
  writeFileSync(paths[1], ca)
  const { code } = await run([
    'openssl',
    'verify',
    '-purpose',
    'sslserver',
    '-x509_strict',
    '-CAfile',
    paths[1],
    paths[0],
  ])
  return code === 0
}

describe('the key of the authority, stolen', () => {
  const subject: Subject = { names: NAMES, addresses: ADDRESSES }

  /** Whether a client that trusts the authority takes a server for who it says it is. */
  async function isTaken(made: { key: string; cert: string }, ca: string, host: string): Promise<boolean> {
    const server = createServer(made).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const isName = /[a-z]\./.test(host) || host === 'localhost'
    try {
      return await new Promise<boolean>((resolve) => {
        const socket = connect({ host: '127.0.0.1', port, ca, ...(isName && { servername: host }) }, () => {
          resolve(socket.authorized)
          socket.destroy()
        })
        socket.on('error', () => resolve(false))
      })
    } finally {
      server.close()
    }
  }

  it.each([
    ['gate.home.arpa', true],
    ['localhost', true],
    ['10.0.0.1', true],
    ['192.168.1.77', true],
    ['fd99::1', true],
    // Everybody else.
    ['www.example.org', false],
    ['home.arpa', false],
    ['nas.home.arpa', false],
    ['gate', false],
    ['arpa', false],
    ['xgate.home.arpa', false],
    ['192.0.2.1', false],
    ['2001:db8::1', false],
    ['172.32.0.1', false],
  ])('for %s is worth something: %s', async (host, worth) => {
    const authority = await makeAuthority('gate', subject, Date.now())
    const isName = /[a-z](\.|$)/.test(host) && !host.includes(':')
    const forged = await makeServerCertificate(
      authority,
      { names: isName ? [host] : [], addresses: isName ? [] : [host] },
      Date.now(),
    )
    expect(await verifies(forged.cert, authority.cert)).toBe(worth)
    if (isName) expect(await isTaken(forged, authority.cert, host)).toBe(worth)
  })

  it('makes no other authority', async () => {
    const authority = await makeAuthority('gate', subject, Date.now())
    const basic = await run(
      ['openssl', 'x509', '-noout', '-ext', 'basicConstraints,nameConstraints,extendedKeyUsage,keyUsage'],
      {
        input: authority.cert,
      },
    )
    expect(basic.stdout).toContain('CA:TRUE, pathlen:0')
    expect(basic.stdout).toContain('X509v3 Name Constraints: critical')
    expect(basic.stdout).toContain('TLS Web Server Authentication')
    expect(basic.stdout).toContain('Certificate Sign, CRL Sign')
  })
})

describe('an authority', () => {
  const subject: Subject = { names: NAMES, addresses: ADDRESSES }
  it('goes on for its names, its private addresses and no others, and until its last month', async () => {
    const now = Date.now()
    const authority = await makeAuthority('gate', { names: NAMES, addresses: ['192.0.2.7'] }, now)
    const fits = (changes: Partial<Subject>, at = now) =>
      isAuthorityFor(authority, { ...subject, ...changes }, at)
    expect(await fits({})).toBe(true)
    expect(await fits({ names: ['gate.home.arpa'] })).toBe(true)
    expect(await fits({ names: ['www.example.org'] })).toBe(false)
    // One that is not private is permitted alone.
    expect(await fits({ addresses: ['192.0.2.7'] })).toBe(true)
    expect(await fits({ addresses: ['192.0.2.8'] })).toBe(false)
    expect(await fits({}, now + 3600 * DAY)).toBe(true)
    expect(await fits({}, now + 3640 * DAY)).toBe(false)
    // A clock that lost its battery is no reason to have everybody trust another one.
    expect(await fits({}, 0)).toBe(true)
    const other = await makeAuthority('gate', subject, now)
    expect(await isAuthorityFor({ ...authority, key: other.key }, subject, now)).toBe(false)
  })

  it('signs nothing that is valid before or after itself', async () => {
    const now = Date.now()
    const authority = await makeAuthority('gate', subject, now)
    const whole = new X509Certificate(authority.cert)
    for (const at of [0, now + 3600 * DAY]) {
      const { cert } = await makeServerCertificate(authority, subject, at)
      const { validFrom, validTo } = new X509Certificate(cert)
      expect(Date.parse(validFrom)).toBeGreaterThanOrEqual(Date.parse(whole.validFrom))
      expect(Date.parse(validTo)).toBeLessThanOrEqual(Date.parse(whole.validTo))
    }
  })
})
