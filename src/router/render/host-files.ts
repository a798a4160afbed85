import type { OwnedLink } from '../desired.ts'
import type { Router } from '../model.ts'
import { PATHS } from '../paths.ts'
import { renderBootScript, renderFirewallScript, renderLockdown } from './boot-scripts.ts'
import { generatedHeader } from './header.ts'
import type { RenderedFile } from './networkd.ts'
import { pppoeTmpfiles } from './pppoe.ts'
import { renderModulesLoad } from './sysctl.ts'

/** resolv.conf(5) as the agent keeps it: our resolver, then the WAN's. */
const RESOLV_CONF = `${PATHS.run}/resolv.conf`

/**
 * The core's other files: host name, our keys of daemon.json and our line of /etc/hosts (both merged into what is
 * there, see merged.ts), drop-ins, modules, runtime directories, and the scripts that boot runs.
 */
export function renderHostFiles(router: Router): RenderedFile[] {
  return [
    { path: 'boot.sh', text: renderBootScript() },
    { path: 'firewall.sh', text: renderFirewallScript() },
    { path: 'lockdown.nft', text: renderLockdown(router) },
    { path: 'host/etc/hostname', text: `${generatedHeader('core')}${router.hostname}\n` },
    { path: 'host/etc/hosts', text: `127.0.1.1\t${router.hostname}.${router.domain} ${router.hostname}\n` },
    { path: 'host/etc/docker/daemon.json', text: daemonJson(router) },
    { path: 'host/etc/modules-load.d/sekisho.conf', text: renderModulesLoad(router) },
    { path: 'host/etc/tmpfiles.d/sekisho.conf', text: tmpfiles(router) },
    { path: 'host/etc/systemd/system/docker.service.d/10-sekisho.conf', text: DOCKER },
    {
      path: 'host/etc/systemd/system/systemd-networkd-wait-online.service.d/10-sekisho.conf',
      text: WAIT_ONLINE,
    },
  ]
}

/** Symlinks of the core that lead elsewhere than into the generation. */
export function renderHostLinks(router: Router): OwnedLink[] {
  return [
    { path: '/etc/localtime', target: `/usr/share/zoneinfo/${router.timezone}`, owner: 'core' },
    { path: '/etc/resolv.conf', target: RESOLV_CONF, owner: 'core' },
  ]
}

/** Exactly the keys of daemon.json that are ours; JSON has no comments. */
function daemonJson({ containerPool }: Router): string {
  const length = Number(containerPool.split('/')[1])
  const ours = {
    'default-address-pools': [{ base: containerPool, size: Math.max(24, length) }],
    'ip-forward': false,
    'live-restore': true,
    'log-driver': 'json-file',
    'log-opts': { 'max-file': '3', 'max-size': '10m' },
  }
  return `${JSON.stringify(ours, null, 2)}\n`
}

function tmpfiles({ wan }: Router): string {
  const upstream = wan.config.mode === 'static' ? wan.config.dns : []
  const lines = ['127.0.0.1', ...upstream].map((address) => `nameserver ${address}\\n`)
  return `${generatedHeader('core')}d ${PATHS.run} 0755 root root -
d ${PATHS.run}/agent 0755 root root -
${pppoeTmpfiles(wan)}f ${RESOLV_CONF} 0644 root root - ${lines.join('')}
`
}

const DOCKER = `${generatedHeader('core')}# Docker's own rules come beside ours and never before them. No Requires=: a restart of the firewall must not
# restart Docker.
[Unit]
Wants=sekisho-firewall.service
After=sekisho-firewall.service
`

const WAIT_ONLINE = `${generatedHeader('core')}# A router is online when its own networks are: nothing waits for the provider, least of all Docker.
[Service]
ExecStart=
ExecStart=/bin/true
`
