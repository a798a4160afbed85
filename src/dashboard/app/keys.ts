import { signal } from '@preact/signals'
import { pauseOrGoOn } from './live.ts'
import { navigate } from './location.ts'
import { PAGES } from './pages.ts'

/** Whether the list of keys is shown. */
export const keysShown = signal(false)

const PATIENCE_MS = 1500

/** Listens to the keys that work on every page; returns what ends it. */
export function listenToKeys(): () => void {
  let afterG: ReturnType<typeof setTimeout> | undefined
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
    if (isTyping(event.target) || document.querySelector('dialog[open]') !== null) return
    if (afterG !== undefined) {
      clearTimeout(afterG)
      afterG = undefined
      const page = PAGES.find(({ key }) => key === event.key)
      if (page === undefined) return
      event.preventDefault()
      navigate(page.path)
      return
    }
    switch (event.key) {
      case 'g':
        afterG = setTimeout(() => {
          afterG = undefined
        }, PATIENCE_MS)
        break
      case '/':
        event.preventDefault()
        focusSearch()
        break
      case '?':
        keysShown.value = true
        break
      case 'p':
        pauseOrGoOn()
        break
    }
  }
  document.addEventListener('keydown', onKey)
  return () => document.removeEventListener('keydown', onKey)
}

function focusSearch(): void {
  const box = document.querySelector<HTMLInputElement>('[data-search]')
  // On a phone there is none but on its own page.
  if (box === null || box.offsetParent === null) navigate('/search')
  else {
    box.focus()
    box.select()
  }
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLInputElement ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  )
}
