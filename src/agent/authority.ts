// The certificate library finds its parts with it (tsyringe).
import 'reflect-metadata'
import { createPrivateKey, KeyObject, randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { AsnConvert } from '@peculiar/asn1-schema'
import { GeneralName, GeneralSubtree, GeneralSubtrees, NameConstraints } from '@peculiar/asn1-x509'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { contains, parseCidr, parseIp } from '../lib/ip.ts'

/*
 * The router's own certificate authority. People trust it on their devices, so it must be worth little to who steals its
 * key: it may sign for servers alone, for the router's own names, and for addresses that no host of the Internet has. Every
 * browser refuses anything else that it signs (RFC 5280 section 4.2.1.10).
 */

/** A key and a certificate, in PEM. */
export interface KeyAndCert {
  readonly key: string
  readonly cert: string
}

/** What the router is called: whole names, and addresses. */
export interface Subject {
  readonly names: readonly string[]
  readonly addresses: readonly string[]
}

const DAY_MS = 24 * 60 * 60_000
const AUTHORITY_DAYS = 3652
/** Some clients take no more than 398 (CA/Browser Forum's Baseline Requirements, section 6.3.2, of 2020). */
const SERVER_DAYS = 397
/** A client's clock may be behind, and so may this one's when it starts. */
const EARLY_MS = DAY_MS
const CURVE = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
/** RFC 5280 section 4.2.1.10. */
const NAME_CONSTRAINTS = '2.5.29.30'
/** RFC 1918, RFC 4193, and this host. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8', 'fc00::/7', '::1/128']

/** Makes an authority that may sign for this router, and for nobody else, for ten years. */
export async function makeAuthority(label: string, subject: Subject, now: number): Promise<KeyAndCert> {
  const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify'])
  const id = randomBytes(4).toString('hex')
  const cert = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    // Its own each time: browsers that know an older one of this router do not mix the two up.
    name: [{ CN: [`Sekisho ${label.slice(0, 40)} ${id}`] }, { O: ['Sekisho'] }],
    notBefore: new Date(now - EARLY_MS),
    notAfter: new Date(now + AUTHORITY_DAYS * DAY_MS),
    keys,
    signingAlgorithm: CURVE,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new Extension(NAME_CONSTRAINTS, true, AsnConvert.serialize(constraintsOf(subject))),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { key: pemOf(keys.privateKey), cert: lines(cert) }
}

/** Makes a certificate for the router's server; `cert` has the authority's behind its own. */
export async function makeServerCertificate(
  authority: KeyAndCert,
  { names, addresses }: Subject,
  now: number,
): Promise<KeyAndCert> {
  const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify'])
  const issuer = new X509Certificate(authority.cert)
  const signingKey = await importKey(authority.key)
  // A clock that is behind the authority's birth is wrong; nothing can be valid before that anyhow.
  const from = Math.max(now - EARLY_MS, issuer.notBefore.getTime())
  const to = Math.min(from + SERVER_DAYS * DAY_MS, issuer.notAfter.getTime())
  const cert = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: [{ CN: ['Sekisho dashboard'] }, { O: ['Sekisho'] }],
    issuer: issuer.subjectName,
    notBefore: new Date(from),
    notAfter: new Date(to),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: CURVE,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([
        ...names.map((value) => ({ type: 'dns' as const, value })),
        ...addresses.map((value) => ({ type: 'ip' as const, value })),
      ]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
  return { key: pemOf(keys.privateKey), cert: lines(cert) + authority.cert }
}

/**
 * Whether this authority can go on: its key is its own, it lasts a month or more, and it may sign for all of these. Only a
 * reason that is certain counts, since everybody has to trust the next one anew: not that it seems to be of the future.
 */
export async function isAuthorityFor(
  { key, cert }: KeyAndCert,
  { names, addresses }: Subject,
  now: number,
): Promise<boolean> {
  const certificate = new X509Certificate(cert)
  const fits = await belongs(key, certificate)
  if (!fits || certificate.notAfter.getTime() < now + 30 * DAY_MS) return false
  const found = certificate.getExtension(NAME_CONSTRAINTS)
  if (found === null) return false
  const permitted = AsnConvert.parse(found.value, NameConstraints).permittedSubtrees ?? []
  const dns = new Set(permitted.map(({ base }) => base.dNSName))
  const prefixes = permitted.flatMap(({ base }) => parseCidr(base.iPAddress ?? '')?.prefix ?? [])
  return (
    names.every((name) => dns.has(name)) &&
    addresses.every((address) => {
      const ip = parseIp(address)
      return ip !== undefined && prefixes.some((prefix) => contains(prefix, ip))
    })
  )
}

/** The router's names with what is below them, which is its own too; private addresses, and its others one by one. */
function constraintsOf({ names, addresses }: Subject): NameConstraints {
  const others = addresses.filter((address) => !PRIVATE.some((text) => isWithin(address, text)))
  const bases = [
    ...names.map((dNSName) => ({ dNSName })),
    ...[...PRIVATE, ...others.map((address) => `${address}/${isIP(address) === 6 ? 128 : 32}`)].map(
      (iPAddress) => ({ iPAddress }),
    ),
  ]
  const subtrees = bases.map((base) => new GeneralSubtree({ base: new GeneralName(base) }))
  return new NameConstraints({ permittedSubtrees: new GeneralSubtrees(subtrees) })
}

function isWithin(address: string, text: string): boolean {
  const [ip, cidr] = [parseIp(address), parseCidr(text)]
  return ip !== undefined && cidr !== undefined && contains(cidr.prefix, ip)
}

async function belongs(key: string, certificate: X509Certificate): Promise<boolean> {
  const text = new TextEncoder().encode('sekisho')
  const signature = await webcrypto.subtle.sign(CURVE, await importKey(key), text)
  const publicKey = await certificate.publicKey.export(CURVE, ['verify'])
  return webcrypto.subtle.verify(CURVE, publicKey, signature, text)
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' })
  return webcrypto.subtle.importKey('pkcs8', new Uint8Array(der), CURVE, false, ['sign'])
}

function pemOf(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString()
}

function lines(cert: X509Certificate): string {
  return `${cert.toString('pem').trim()}\n`
}

/** RFC 5280 section 4.1.2.2: positive, and no more than 20 octets. */
function serial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}
