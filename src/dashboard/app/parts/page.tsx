import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { session } from '../session.ts'

interface PageProps {
  readonly title: string
  /** Under the title: what there is in numbers. */
  readonly note?: ComponentChildren
  /** Beside the title: the time range, buttons. */
  readonly tools?: ComponentChildren
  readonly children: ComponentChildren
}

/** The frame of every page: its heading, which is the window's title too, and what is beside it. */
export function Page({ title, note, tools, children }: PageProps) {
  const hostname = session.value?.hostname ?? 'Sekisho'
  useEffect(() => {
    document.title = `${title} · ${hostname}`
  }, [title, hostname])
  return (
    <>
      <header class="page-head">
        <div>
          <h1>
            <bdi>{title}</bdi>
          </h1>
          <p class="note">{note}</p>
        </div>
        <div class="tools">{tools}</div>
      </header>
      {children}
    </>
  )
}
