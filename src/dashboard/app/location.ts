import { signal } from '@preact/signals'

/** Where the reader is: a path and what of the view is in the query. */
interface Place {
  readonly path: string
  readonly query: URLSearchParams
  readonly hash: string
}

/** The page's address, which holds the whole state of a view: a link to it shows the same. */
export const place = signal<Place>(read())

function read(): Place {
  const { pathname, search, hash } = window.location
  return { path: pathname, query: new URLSearchParams(search), hash }
}

/** Goes to an address of ours; back comes back, unless it is a `replace` (say, of a filter half typed). */
export function navigate(address: string, how: 'push' | 'replace' = 'push'): void {
  const before = window.location.pathname
  if (how === 'push') history.pushState(null, '', address)
  else history.replaceState(null, '', address)
  place.value = read()
  if (how === 'push' && before !== window.location.pathname) window.scrollTo(0, 0)
}

/** The address of this view with some values changed; undefined takes one out. */
export function withQuery(changes: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams(place.value.query)
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined || value === '') query.delete(key)
    else query.set(key, value)
  }
  const text = query.toString()
  return text === '' ? place.value.path : `${place.value.path}?${text}`
}

/** From now on links to our own pages change the view, without loading anything; so do back and forward. */
export function followLinks(): void {
  window.addEventListener('popstate', () => {
    place.value = read()
  })
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (link === null || link.target !== '' || link.hasAttribute('download')) return
    if (link.origin !== window.location.origin || link.pathname.startsWith('/api/')) return
    // A link within the page (to its content) is the browser's.
    if (link.hash !== '' && link.pathname === window.location.pathname) return
    event.preventDefault()
    navigate(link.pathname + link.search)
  })
}
