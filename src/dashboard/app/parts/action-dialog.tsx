import { useState } from 'preact/hooks'
import { printable } from '../../../lib/printable.ts'
import type { Action, ActionResult, DeviceRow } from '../../api.ts'
import { act } from '../client.ts'
import { t } from '../i18n/messages.ts'
import { Dialog } from './dialog.tsx'
import { Icon } from './icons.tsx'
import { Told } from './text.tsx'

export type ActionName = Action['action']

interface ActionDialogProps {
  readonly name: ActionName
  readonly device: DeviceRow
  readonly onClose: () => void
  /** Something was changed. */
  readonly onDone: () => void
}

/** Asks, has it done, and says what came of it: the generation, or why not and what to do. */
export function ActionDialog({ name, device, onClose, onDone }: ActionDialogProps) {
  const [newName, setNewName] = useState(device.name ?? '')
  const [address, setAddress] = useState(device.addresses[0] ?? '')
  const [state, setState] = useState<'asking' | 'doing' | ActionResult>('asking')
  const texts = t.value.act
  const { title, hint, go } = wordsOf(name, printable(device.name ?? device.macAddress), device.reserved)
  const action = actionOf(name, device.macAddress, newName.trim(), address.trim())
  const send = async (): Promise<void> => {
    setState('doing')
    const result = await act(action)
    setState(result)
    if (result.ok) onDone()
  }
  if (typeof state === 'object' && state.ok) {
    return (
      <Dialog title={title} onClose={onClose}>
        <p class="done" role="status">
          <Icon name="check" /> {texts.done(state.generation)}
        </p>
        <p class="note">
          <Told text={state.summary} />
        </p>
        <div class="dialog-buttons">
          <a class="button" href={`/changes?generation=${state.generation}`}>
            {texts.see}
          </a>
          <button type="button" class="main" onClick={onClose}>
            {t.value.shell.close}
          </button>
        </div>
      </Dialog>
    )
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void send()
        }}
      >
        {(name === 'rename' || name === 'reserve') && (
          <label>
            {name === 'rename' ? texts.newName : t.value.devices.name}
            <input
              value={newName}
              required
              maxLength={63}
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => setNewName(event.currentTarget.value)}
            />
            {name === 'rename' && <span class="note">{hint}</span>}
          </label>
        )}
        {name === 'reserve' && (
          <label>
            {texts.address}
            <input
              class="mono"
              value={address}
              required
              inputMode="decimal"
              autocomplete="off"
              onInput={(event) => setAddress(event.currentTarget.value)}
            />
            <span class="note">{hint}</span>
          </label>
        )}
        {(name === 'pause' || name === 'resume') && <p>{hint}</p>}
        <p class="note">{texts.becomes}</p>
        {typeof state === 'object' && !state.ok && (
          <div class="problem" role="alert">
            <Icon name="warn" />
            <div>
              <p>
                <strong>{texts.failed}</strong> <Told text={state.problem} />
              </p>
              {state.fix !== undefined && (
                <p>
                  {t.value.problem.fix} <Told text={state.fix} />
                </p>
              )}
            </div>
          </div>
        )}
        <div class="dialog-buttons">
          <button type="button" onClick={onClose}>
            {t.value.shell.cancel}
          </button>
          <button
            type="submit"
            class={name === 'pause' ? 'main danger' : 'main'}
            disabled={state === 'doing'}
          >
            {state === 'doing' ? texts.doing : go}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function actionOf(action: ActionName, macAddress: string, name: string, address: string): Action {
  switch (action) {
    case 'rename':
      return { action, macAddress, name }
    case 'reserve':
      return { action, macAddress, address, name }
    case 'pause':
    case 'resume':
      return { action, macAddress }
  }
}

function wordsOf(
  name: ActionName,
  device: string,
  reserved: boolean,
): { title: string; hint: string; go: string } {
  const { act: texts, device: buttons } = t.value
  switch (name) {
    case 'rename':
      return { title: texts.renameTitle(device), hint: texts.renameHint, go: buttons.rename }
    case 'reserve':
      return reserved
        ? { title: texts.moveTitle(device), hint: texts.reserveHint, go: buttons.move }
        : { title: texts.reserveTitle(device), hint: texts.reserveHint, go: buttons.reserve }
    case 'pause':
      return { title: texts.pauseTitle(device), hint: texts.pauseHint, go: buttons.pause }
    case 'resume':
      return { title: texts.resumeTitle(device), hint: texts.resumeHint, go: buttons.resume }
  }
}
