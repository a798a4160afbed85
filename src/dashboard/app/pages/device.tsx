import { useState } from 'preact/hooks'
import type { DevicePage as DeviceAnswer, DeviceRow } from '../../api.ts'
import { bytes, count } from '../format.ts'
import { t } from '../i18n/messages.ts'
import { place } from '../location.ts'
import { ActionDialog, type ActionName } from '../parts/action-dialog.tsx'
import { Bar } from '../parts/bar.tsx'
import { Card } from '../parts/card.tsx'
import { wider } from '../parts/chart-scale.ts'
import { DeviceMarks } from '../parts/device-marks.tsx'
import { Icon } from '../parts/icons.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Page } from '../parts/page.tsx'
import { Rows } from '../parts/rows.tsx'
import { SpanPicker } from '../parts/span-picker.tsx'
import { Told } from '../parts/text.tsx'
import { TimeChart } from '../parts/time-chart.tsx'
import { Volume } from '../parts/volume.tsx'
import { When } from '../parts/when.tsx'
import { zoomTo } from '../parts/zoom-to.ts'
import { reads } from '../reads.ts'
import { spanOf } from '../span.ts'
import { timeQuery } from '../time-query.ts'
import { useRead } from '../use-read.ts'

const AGAIN_MS = 60_000

/** One device: who it is, what it asked, where it went, how much, and what can be changed about it. */
export function DevicePage({ id }: { readonly id: string }) {
  const span = spanOf(place.value.query, Date.now(), '24h')
  const reading = useRead(reads.device(id, span), AGAIN_MS)
  const [action, setAction] = useState<ActionName | undefined>(undefined)
  const device = reading.value?.device
  return (
    <Page
      title={device?.name ?? device?.macAddress ?? id}
      note={device && <DeviceNote device={device} />}
      tools={<SpanPicker byDefault="24h" />}
    >
      {device !== undefined && (
        <div class="actions">
          <button type="button" onClick={() => setAction('rename')}>
            <Icon name="edit" /> {t.value.device.rename}
          </button>
          <button type="button" onClick={() => setAction('reserve')}>
            <Icon name="pin" /> {device.reserved ? t.value.device.move : t.value.device.reserve}
          </button>
          <button type="button" onClick={() => setAction(device.paused ? 'resume' : 'pause')}>
            <Icon name={device.paused ? 'play' : 'pause'} />{' '}
            {device.paused ? t.value.device.resume : t.value.device.pause}
          </button>
        </div>
      )}
      <Loaded reading={reading} lines={12}>
        {(answer) => (
          <div class="device-grid">
            <VolumeCard answer={answer} onZoom={zoomTo} onWider={() => zoomTo(wider(span, Date.now()))} />
            <IdentityCard answer={answer} />
            <DestinationsCard answer={answer} />
            <NamesCard answer={answer} />
            <OpenCard answer={answer} />
            <HidesCard answer={answer} />
          </div>
        )}
      </Loaded>
      {action !== undefined && device !== undefined && (
        <ActionDialog
          name={action}
          device={device}
          onClose={() => setAction(undefined)}
          onDone={reading.reload}
        />
      )}
    </Page>
  )
}

function DeviceNote({ device }: { readonly device: DeviceRow }) {
  const here = device.addresses.length > 0
  return (
    <>
      <span class={here ? 'presence here' : 'presence'} />
      {here ? t.value.devices.isHere : <When ms={device.lastSeenMs} relative />} ·{' '}
      <Told text={[device.network, device.vendor].filter(Boolean).join(' · ')} />{' '}
      <DeviceMarks device={device} />
    </>
  )
}

interface PartProps {
  readonly answer: DeviceAnswer
}

function VolumeCard({
  answer,
  onZoom,
  onWider,
}: PartProps & { readonly onZoom: typeof zoomTo; readonly onWider: () => void }) {
  const texts = t.value.device
  const { traffic } = answer.report
  // Its parts end with the time; the first of them may begin before it.
  const { toMs } = spanOf(place.value.query, Date.now(), '24h')
  const fromMs = toMs - Math.max(1, traffic.parts.length) * traffic.partMs
  return (
    <Card
      title={texts.volume}
      class="main-part filled"
      aside={<Volume down={traffic.down} up={traffic.up} />}
    >
      <TimeChart
        label={texts.volume}
        of={{ fromMs, partMs: traffic.partMs }}
        layers={[
          { label: t.value.traffic.down, values: traffic.parts.map(({ down }) => down), colour: 'down' },
          { label: t.value.traffic.up, values: traffic.parts.map(({ up }) => up), colour: 'up' },
        ]}
        text={bytes}
        onZoom={onZoom}
        onWider={onWider}
      />
      <p class="note">
        {texts.connections(traffic.connections)} · {texts.addresses(traffic.addresses)} ·{' '}
        {t.value.device.asked} {texts.distinct(answer.report.questions.names)}
      </p>
    </Card>
  )
}

function IdentityCard({ answer }: PartProps) {
  const texts = t.value.device
  const { device, lease, report } = answer
  return (
    <Card title={texts.identity} class="side-part">
      <dl class="facts">
        <div>
          <dt>{texts.mac}</dt>
          <dd class="mono">
            <Told text={device.macAddress} />
          </dd>
        </div>
        <div>
          <dt>{texts.addressesNow}</dt>
          <dd class="mono">
            {device.addresses.length === 0 && '–'}
            {device.addresses.map((address) => (
              <Told key={address} class="block" text={address} />
            ))}
          </dd>
        </div>
        {report.addresses.before.length > 0 && (
          <div>
            <dt>{texts.before}</dt>
            <dd class="mono">
              {report.addresses.before.slice(0, 6).map((address) => (
                <Told key={address} class="block" text={address} />
              ))}
            </dd>
          </div>
        )}
        {lease !== undefined && (
          <div>
            <dt>{texts.lease}</dt>
            <dd>
              <Told class="mono" text={lease.address} />{' '}
              {lease.reserved && <span class="mark">{t.value.devices.reserved}</span>}{' '}
              {lease.expiresMs !== undefined && (
                <span class="note">
                  <When ms={lease.expiresMs} relative />
                </span>
              )}
            </dd>
          </div>
        )}
        <div>
          <dt>{t.value.devices.firstSeen}</dt>
          <dd>
            <When ms={device.firstSeenMs} />
          </dd>
        </div>
        <div>
          <dt>{t.value.devices.lastSeen}</dt>
          <dd>
            <When ms={device.lastSeenMs} />
          </dd>
        </div>
      </dl>
    </Card>
  )
}

function DestinationsCard({ answer }: PartProps) {
  const texts = t.value.device
  const { destinations } = answer.report
  const most = Math.max(1, ...destinations.map(({ down, up }) => down + up))
  return (
    <Card
      title={texts.destinations}
      aside={<AllLink path="/connections" device={answer.device} text={texts.allConnections} />}
    >
      {destinations.length === 0 && <p class="note">{texts.noDestinations}</p>}
      <ul class="bars">
        {destinations.map(({ name, note, ports, down, up }) => (
          <li key={`${note} ${name}`}>
            <span class="bars-name">
              <SearchLink text={name} />{' '}
              {note === 'unresolved' && (
                <span class="mark warn" title={t.value.connections.unresolvedWhy}>
                  {t.value.connections.unresolved}
                </span>
              )}{' '}
              <span class="note">{ports.join(', ')}</span>
            </span>
            <Volume down={down} up={up} />
            <Bar down={down} up={up} most={most} />
          </li>
        ))}
      </ul>
    </Card>
  )
}

function NamesCard({ answer }: PartProps) {
  const texts = t.value.device
  const { names, questions } = answer.report
  return (
    <Card title={texts.names} aside={<AllLink path="/names" device={answer.device} text={texts.allNames} />}>
      <p class="note">
        {texts.asked} {count(questions.asked)} · {texts.nxdomain} {count(questions.nxdomain)} · {texts.failed}{' '}
        {count(questions.failed)} · {texts.unanswered} {count(questions.unanswered)}
      </p>
      {names.length === 0 && <p class="note">{texts.noNames}</p>}
      <ol class="counts">
        {names.map(({ name, asked, response }) => (
          <li key={name}>
            <SearchLink text={name} />
            {response !== undefined && response !== 'NOERROR' && <span class="mark warn">{response}</span>}
            <span class="end number">{count(asked)}</span>
          </li>
        ))}
      </ol>
    </Card>
  )
}

function OpenCard({ answer }: PartProps) {
  const texts = t.value.device
  const { open } = answer
  return (
    <Card title={`${texts.open} (${count(open.length)})`} class="wide">
      {open.length === 0 ? (
        <p class="note">{texts.noOpen}</p>
      ) : (
        <Rows
          label={texts.open}
          rows={open.slice(0, 100)}
          keyOf={(one) =>
            `${one.protocol} ${one.source} ${one.sourcePort} ${one.destination} ${one.destinationPort}`
          }
          columns={[
            {
              head: t.value.connections.destination,
              kind: 'grow',
              cell: (one) => (
                <>
                  <SearchLink text={one.name ?? one.destination} />
                  {one.name !== undefined && <Told class="mono note block" text={one.destination} />}
                </>
              ),
            },
            {
              head: t.value.connections.protocol,
              cell: (one) => `${one.protocol} ${one.destinationPort ?? ''}`,
            },
            { head: t.value.connections.state, cell: (one) => <Told class="note" text={one.state ?? '–'} /> },
            { head: t.value.connections.volume, cell: (one) => <Volume down={one.down} up={one.up} /> },
          ]}
          card={(one) => (
            <>
              <div class="card-line">
                <SearchLink text={one.name ?? one.destination} />
                <span class="end note">
                  {one.protocol} {one.destinationPort}
                </span>
              </div>
              <Volume down={one.down} up={one.up} />
            </>
          )}
        />
      )}
    </Card>
  )
}

/** What does not go through the router's DNS. */
function HidesCard({ answer }: PartProps) {
  const texts = t.value.device
  const { encryptedDns, unresolved, resolvers } = answer.report
  const others = resolvers.filter(({ local }) => !local)
  const nothing = encryptedDns.length === 0 && unresolved.connections === 0 && others.length === 0
  return (
    <Card title={texts.hides} class="wide">
      {nothing && (
        <p class="all-well">
          <Icon name="check" /> {texts.nothingHidden}
        </p>
      )}
      <div class="columns">
        {encryptedDns.length > 0 && <Peers title={texts.encrypted} peers={encryptedDns} />}
        {unresolved.connections > 0 && (
          <Peers title={`${texts.unresolved} (${count(unresolved.addresses)})`} peers={unresolved.most} />
        )}
        {resolvers.length > 0 && !nothing && (
          <div>
            <h3>{texts.resolvers}</h3>
            <ul class="counts">
              {resolvers.map(({ address, local, asked }) => (
                <li key={address}>
                  <Told class="mono" text={address} />{' '}
                  {local ? (
                    <span class="note">{texts.thisRouter}</span>
                  ) : (
                    <span class="mark warn">{t.value.names.bypass}</span>
                  )}
                  <span class="end number">{count(asked)}</span>
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
    </Card>
  )
}

function Peers({
  title,
  peers,
}: {
  readonly title: string
  readonly peers: DeviceAnswer['report']['encryptedDns']
}) {
  return (
    <div>
      <h3>{title}</h3>
      <ul class="counts">
        {peers.map(({ address, port, connections }) => (
          <li key={`${address} ${port}`}>
            <SearchLink text={address} mono /> <span class="note">{port}</span>
            <span class="end number">{count(connections)}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}

function SearchLink({ text, mono = false }: { readonly text: string; readonly mono?: boolean }) {
  const query = new URLSearchParams(timeQuery.value)
  query.set('text', text)
  return (
    <a class={mono ? 'mono' : undefined} href={`/search?${query.toString()}`}>
      <Told text={text} />
    </a>
  )
}

function AllLink({
  path,
  device,
  text,
}: {
  readonly path: string
  readonly device: DeviceRow
  readonly text: string
}) {
  const query = new URLSearchParams(timeQuery.value)
  query.set('client', device.id)
  return (
    <a class="note" href={`${path}?${query.toString()}`}>
      {text}
    </a>
  )
}
