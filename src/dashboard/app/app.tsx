import { type ComponentChildren, Fragment } from 'preact'
import { useEffect, useErrorBoundary, useRef } from 'preact/hooks'
import { listenToKeys } from './keys.ts'
import { startLive } from './live.ts'
import { place } from './location.ts'
import { ArchivePage } from './pages/archive.tsx'
import { ChangesPage } from './pages/changes.tsx'
import { ConnectionsPage } from './pages/connections.tsx'
import { DevicePage } from './pages/device.tsx'
import { DevicesPage } from './pages/devices.tsx'
import { NamesPage } from './pages/names.tsx'
import { NotFoundPage } from './pages/not-found.tsx'
import { NowPage } from './pages/now.tsx'
import { SearchPage } from './pages/search.tsx'
import { ServicesPage } from './pages/services.tsx'
import { SignInPage } from './pages/sign-in.tsx'
import { ProblemNote } from './parts/empty.tsx'
import { Shell } from './parts/shell.tsx'
import { readSession, session, sessionProblem } from './session.ts'

/** All there is: to sign in, or the shell and the page that the address names. */
export function App() {
  const { path } = place.value
  const known = session.value
  if (known === undefined) {
    const problem = sessionProblem.value
    return problem === undefined ? null : (
      <main class="alone">
        <ProblemNote problem={problem} again={() => void readSession()} />
      </main>
    )
  }
  // A link of one use is there to be used, signed in or not.
  if (!known.signedIn || path === '/sign-in') return <SignInPage />
  return <Inside />
}

function Inside() {
  useEffect(startLive, [])
  useEffect(listenToKeys, [])
  const { path } = place.value
  useFocusOnNewPage(path)
  return (
    <Shell>
      <Guard key={path}>{pageAt(path)}</Guard>
    </Shell>
  )
}

function pageAt(path: string): ComponentChildren {
  switch (path) {
    case '/':
      return <NowPage />
    case '/devices':
      return <DevicesPage />
    case '/names':
      return <NamesPage />
    case '/connections':
      return <ConnectionsPage />
    case '/search':
      return <SearchPage />
    case '/services':
      return <ServicesPage />
    case '/changes':
      return <ChangesPage />
    case '/archive':
      return <ArchivePage />
  }
  const id = /^\/devices\/([^/]+)$/.exec(path)?.[1]
  return id === undefined ? <NotFoundPage /> : <DevicePage id={decoded(id)} />
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** A fault in one page is told on it, and the others stay. */
function Guard({ children }: { readonly children: ComponentChildren }) {
  const [error, again] = useErrorBoundary((caught: unknown) => {
    console.error(caught)
  })
  if (error === undefined || error === null) return <Fragment>{children}</Fragment>
  return <ProblemNote problem={{ status: 1, error: String(error) }} again={again} />
}

/** Screen readers go on at the content, and do not stay at a link that is gone. */
function useFocusOnNewPage(path: string): void {
  const before = useRef(path)
  useEffect(() => {
    if (before.current === path) return
    before.current = path
    document.getElementById('content')?.focus({ preventScroll: true })
  }, [path])
}
