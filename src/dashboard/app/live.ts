import { signal } from '@preact/signals'
import type { ConnectionRow, LiveEvents, QuestionRow } from '../api.ts'
import { readSession } from './session.ts'

type Rates = LiveEvents['rates']

/** How much of what was live stays to be seen. */
const SECONDS = 180
const ROWS = 200

/** `waiting` is for a connection to the router; `paused` is the reader's wish. */
export const liveState = signal<'waiting' | 'live' | 'paused'>('waiting')
export const rates = signal<readonly Rates[]>([])
/** The latest first. */
export const liveQuestions = signal<readonly QuestionRow[]>([])
export const liveConnections = signal<readonly ConnectionRow[]>([])
export const liveWan = signal<LiveEvents['wan'] | undefined>(undefined)

let source: EventSource | undefined
let timer: ReturnType<typeof setTimeout> | undefined
let waitMs = 1000
let wanted = false

/** Listens to the router while the page can be seen; returns what ends it. */
export function startLive(): () => void {
  wanted = true
  const onVisibility = (): void => {
    if (document.hidden) close()
    else open()
  }
  document.addEventListener('visibilitychange', onVisibility)
  onVisibility()
  return () => {
    wanted = false
    document.removeEventListener('visibilitychange', onVisibility)
    close()
  }
}

export function pauseOrGoOn(): void {
  if (liveState.peek() === 'paused') {
    liveState.value = 'waiting'
    open()
  } else {
    close()
    liveState.value = 'paused'
  }
}

function open(): void {
  if (!wanted || source !== undefined || liveState.peek() === 'paused') return
  liveState.value = 'waiting'
  const opened = new EventSource('/api/live')
  source = opened
  opened.onopen = () => {
    liveState.value = 'live'
    waitMs = 1000
  }
  opened.onerror = () => {
    // The browser's own way of trying again gives up for good at any status but 200.
    close()
    liveState.value = 'waiting'
    timer = setTimeout(() => {
      waitMs = Math.min(waitMs * 2, 30_000)
      // It may be that we are signed out.
      readSession().then(open, open)
    }, waitMs)
  }
  on(opened, 'rates', (event) => {
    rates.value = [...rates.peek(), event].slice(-SECONDS)
  })
  on(opened, 'question', (event) => {
    liveQuestions.value = [event, ...liveQuestions.peek()].slice(0, ROWS)
  })
  on(opened, 'connection', (event) => {
    const others = liveConnections.peek().filter(({ flowId }) => flowId !== event.flowId)
    liveConnections.value = [event, ...others].slice(0, ROWS)
  })
  on(opened, 'wan', (event) => {
    liveWan.value = event
  })
}

function on<E extends keyof LiveEvents>(
  from: EventSource,
  name: E,
  take: (event: LiveEvents[E]) => void,
): void {
  from.addEventListener(name, (event) => {
    take(JSON.parse(event.data) as LiveEvents[E])
  })
}

function close(): void {
  clearTimeout(timer)
  source?.close()
  source = undefined
}
