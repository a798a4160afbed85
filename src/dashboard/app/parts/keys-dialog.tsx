import { t } from '../i18n/messages.ts'
import { keysShown } from '../keys.ts'
import { PAGES } from '../pages.ts'
import { Dialog } from './dialog.tsx'

/** Which keys there are. */
export function KeysDialog() {
  const texts = t.value.keys
  const close = (): void => {
    keysShown.value = false
  }
  return (
    <Dialog title={texts.title} onClose={close}>
      <dl class="keys">
        <Key keys={['/']} text={texts.search} />
        <Key keys={['p']} text={texts.pause} />
        <Key keys={['?']} text={texts.help} />
        {PAGES.map(({ key, name }) => (
          <Key key={name} keys={['g', key]} text={texts.goTo(t.value.pages[name])} />
        ))}
      </dl>
    </Dialog>
  )
}

function Key({ keys, text }: { readonly keys: readonly string[]; readonly text: string }) {
  return (
    <div>
      <dt>
        {keys.map((key, i) => (
          <span key={key}>
            {i > 0 && <span class="hidden">{t.value.keys.followedBy}</span>} <kbd>{key}</kbd>
          </span>
        ))}
      </dt>
      <dd>{text}</dd>
    </div>
  )
}
