const PATHS = {
  now: 'M3 13h4l3-8 4 14 3-6h4',
  devices: 'M3 5h13v10H3zM1 19h14M18 9h4v11h-4z',
  names: 'M4 5h16M4 12h10M4 19h13M18 10l3 3-3 3',
  connections: 'M7 7h13l-4-4M17 17H4l4 4',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5',
  services: 'M4 4h16v6H4zM4 14h16v6H4zM8 7h.01M8 17h.01',
  changes: 'M6 3v12M6 15a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM18 3a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM18 9c0 6-9 4-12 6',
  archive: 'M3 4h18v5H3zM5 9v11h14V9M10 13h4',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  down: 'M12 4v15M6 13l6 6 6-6',
  up: 'M12 20V5M6 11l6-6 6 6',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 5l12 7-12 7z',
  close: 'M5 5l14 14M19 5L5 19',
  key: 'M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M8 14h8',
  export: 'M12 3v12M7 11l5 5 5-5M4 20h16',
  warn: 'M12 3l10 18H2zM12 10v5M12 18h.01',
  info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v6M12 7.5h.01',
  check: 'M4 12l6 6L20 6',
  edit: 'M4 20l1-5L16 4l4 4L9 19zM13 7l4 4',
  pin: 'M12 21s7-6 7-11a7 7 0 1 0-14 0c0 5 7 11 7 11zM12 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4z',
  next: 'M9 5l7 7-7 7',
  back: 'M15 5l-7 7 7 7',
  zoomIn: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5M11 8v6M8 11h6',
  zoomOut: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5M8 11h6',
  out: 'M14 4h6v16h-6M10 8l-4 4 4 4M6 12h10',
} as const

export type IconName = keyof typeof PATHS

/** A drawing beside a text that says the same: nothing for a screen reader. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}

/** The gate of a sekisho: two posts and two beams. */
export function Gate() {
  return (
    <svg class="gate" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path d="M4 9h24M8 14h16M10 9v18M22 9v18" />
    </svg>
  )
}
