import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { session } from '../session.ts'

interface PageProps {
  readonly title: string
  /** Under the title: what there is in numbers. */
  readonly note?: ComponentChildren
  /** Beside the title: the time range, buttons. */
  readonly tools?: ComponentChildren
  /** The heading is for screen readers: what follows says at once what this is. */
  readonly quiet?: boolean
  readonly children: ComponentChildren
}

/** The frame of every page: its heading, which is the window's title too, and what is beside it. */
export function Page({ title, tools, quiet = false, children, ...rest }: PageProps) {
  const hostname = session.value?.hostname ?? 'Sekisho'
  useEffect(() => {
    document.title = `${title} · ${hostname}`
  }, [title, hostname])
  return (
    <>
      <header class={quiet ? 'hidden' : 'page-head'}>
        <div>
          <h1>
            <bdi>{title}</bdi>
          </h1>
          {/* Its place is kept while it is not known yet. */}
          {'note' in rest && <p class="note">{rest.note}</p>}
        </div>
        <div class="tools">{tools}</div>
      </header>
      {children}
    </>
  )
}
