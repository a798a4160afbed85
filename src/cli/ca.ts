import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { asRoot } from './report.ts'

/** `sekisho ca`: the certificate of the router's own authority, and how devices are told to trust it. */
export function caCommand(): Command {
  return new Command('ca')
    .description(
      "print the certificate of the router's own authority (PEM), and on standard error how to trust it",
    )
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      process.exitCode = await run(options.json === true)
    })
}

async function run(json: boolean): Promise<number> {
  // Its folder holds the key too.
  if (!asRoot('ca', 'reads what only root may')) return 1
  const { refused } = await import('./refused.ts')
  try {
    const { pem, names } = await authority()
    const { fingerprint256, subject, validTo } = new X509Certificate(pem)
    const name = /^CN=(.*)$/m.exec(subject)?.[1] ?? ''
    if (json) {
      const expires = new Date(validTo).toISOString()
      process.stdout.write(`${JSON.stringify({ pem, name, fingerprint256, expires, names }, null, 2)}\n`)
      return 0
    }
    process.stdout.write(pem)
    process.stderr.write(`\n${name}, until ${validTo}\nSHA-256 ${fingerprint256}\n${HOW}`)
    return 0
  } catch (error) {
    return refused(error)
  }
}

async function authority(): Promise<{ pem: string; names: readonly string[] }> {
  const { agentConfig } = await import('./known-leases.ts')
  const { certificateFiles } = await import('../agent/certificate-files.ts')
  const { Refusal } = await import('../move/refusal.ts')
  const { certificate } = await agentConfig()
  if (certificate === undefined)
    throw new Refusal(
      'no module of this router needs certificates',
      'add "dashboard: {}" to its modules, and apply',
    )
  const { authorityCert } = certificateFiles(certificate.directory)
  const pem = await readFile(authorityCert, 'utf8').catch(() => {
    throw new Refusal(
      'sekishod has not made the authority yet',
      'sekisho status says why, if it takes more than seconds',
    )
  })
  return { pem, names: [...certificate.names, ...certificate.addresses] }
}

const HOW = `
It may sign for this router's own names and private addresses, and for nothing else: to trust it is to trust this router
to be itself. Save it as sekisho-ca.crt, as in

  ssh root@ROUTER sekisho ca > sekisho-ca.crt

compare the SHA-256 above with what the device shows, and then

  Windows   double-click it, Install Certificate, Current User, "Trusted Root Certification Authorities";
            or: certutil -user -addstore Root sekisho-ca.crt
  macOS     security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db sekisho-ca.crt
  iOS       send it to the device and open it; Settings, General, VPN & Device Management: install it; then General,
            About, Certificate Trust Settings: turn it on
  Android   Settings, search for "CA certificate", Install anyway, choose the file
  Debian    cp sekisho-ca.crt /usr/local/share/ca-certificates/ && update-ca-certificates
            Chromium: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n sekisho -i sekisho-ca.crt (package libnss3-tools)
  Firefox   Settings, Privacy & Security, View Certificates, Authorities, Import: to identify websites. On Windows,
            macOS and Android it takes what the system trusts.
`
