import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { signOut } from '../client.ts'
import { t } from '../i18n/messages.ts'
import { keysShown } from '../keys.ts'
import { liveState, pauseOrGoOn } from '../live.ts'
import { navigate, place } from '../location.ts'
import { PAGES, type PageEntry } from '../pages.ts'
import { readSession, session, timezone } from '../session.ts'
import { Dialog } from './dialog.tsx'
import { Gate, Icon } from './icons.tsx'
import { KeysDialog } from './keys-dialog.tsx'
import { Preferences } from './preferences.tsx'
import { Told } from './text.tsx'

/** What is around every page: the navigation (at the side, on a phone at the bottom), the search box, live or not. */
export function Shell({ children }: { readonly children: ComponentChildren }) {
  const [more, setMore] = useState(false)
  const texts = t.value.shell
  const hostname = session.value?.hostname ?? ''
  return (
    <div class="shell">
      <a class="skip" href="#content">
        {texts.skip}
      </a>
      <header class="top">
        <a class="brand" href="/">
          <Gate /> <Told text={hostname} />
        </a>
        <SearchBox />
        <LiveButton />
      </header>
      <nav class="side" aria-label={texts.navigation}>
        {PAGES.map((page) => (
          <PageLink key={page.name} page={page} />
        ))}
        <button
          type="button"
          class="nav-link more"
          aria-haspopup="dialog"
          aria-current={PAGES.some((page) => !page.first && isAt(page)) ? 'true' : undefined}
          onClick={() => setMore(true)}
        >
          <Icon name="more" />
          <span>{t.value.pages.more}</span>
        </button>
        <div class="side-end">
          <Preferences />
          <div class="side-buttons">
            <button type="button" class="quiet" onClick={() => (keysShown.value = true)}>
              <Icon name="key" /> {texts.keys}
            </button>
            <button type="button" class="quiet" onClick={() => void leave()}>
              <Icon name="out" /> {texts.signOut}
            </button>
          </div>
          <p class="note">{texts.timesIn(timezone.value)}</p>
        </div>
      </nav>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
      {more && (
        <Dialog title={t.value.pages.more} onClose={() => setMore(false)}>
          {/* biome-ignore lint/a11y/noStaticElementInteractions: the links in it are what is used */}
          {/* biome-ignore lint/a11y/useKeyWithClickEvents: a link's key makes a click */}
          <div
            class="more-links"
            onClick={(event) => {
              if (event.target instanceof Element && event.target.closest('a') !== null) setMore(false)
            }}
          >
            {PAGES.filter(({ first }) => !first).map((page) => (
              <PageLink key={page.name} page={page} />
            ))}
          </div>
          <Preferences />
          <p class="note">{texts.timesIn(timezone.value)}</p>
          <button type="button" onClick={() => void leave()}>
            <Icon name="out" /> {texts.signOut}
          </button>
        </Dialog>
      )}
      {keysShown.value && <KeysDialog />}
    </div>
  )
}

async function leave(): Promise<void> {
  await signOut()
  await readSession()
}

function isAt(page: PageEntry): boolean {
  const { path } = place.value
  return page.path === '/' ? path === '/' : path === page.path || path.startsWith(`${page.path}/`)
}

function PageLink({ page }: { readonly page: PageEntry }) {
  return (
    <a
      class={`nav-link ${page.first ? 'first' : ''}`}
      href={page.path}
      aria-current={isAt(page) ? 'page' : undefined}
    >
      <Icon name={page.icon} />
      <span>{t.value.pages[page.name]}</span>
    </a>
  )
}

function SearchBox() {
  const texts = t.value.shell
  // The page of the search has its own.
  if (place.value.path === '/search') return <div class="top-search" />
  return (
    <search class="top-search">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const text = new FormData(event.currentTarget).get('text')
          if (typeof text !== 'string' || text.trim() === '') return
          event.currentTarget.reset()
          navigate(`/search?${new URLSearchParams({ text: text.trim() }).toString()}`)
        }}
      >
        <Icon name="search" />
        <input
          type="search"
          name="text"
          data-search
          aria-label={texts.searchBox}
          placeholder={texts.searchBox}
          autocomplete="off"
          spellcheck={false}
          maxLength={253}
        />
        <span class="key-hint" aria-hidden="true">
          <kbd>/</kbd>
        </span>
      </form>
    </search>
  )
}

function LiveButton() {
  const texts = t.value.shell
  const state = liveState.value
  return (
    <button
      type="button"
      class={`live-state ${state}`}
      title={state === 'paused' ? texts.goOn : texts.pause}
      onClick={pauseOrGoOn}
    >
      <span class="dot" aria-hidden="true" />
      <span aria-live="polite">{texts[state]}</span>
      <Icon name={state === 'paused' ? 'play' : 'pause'} />
    </button>
  )
}
