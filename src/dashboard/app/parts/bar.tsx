interface BarProps {
  readonly down: number
  readonly up: number
  /** What a full bar is. */
  readonly most: number
}

/** How much of the most, down and up after each other. The numbers stand beside it, so it says nothing itself. */
export function Bar({ down, up, most }: BarProps) {
  const share = (value: number): number => (most > 0 ? Math.min(100, (100 * value) / most) : 0)
  const first = share(down)
  return (
    <svg class="bar" aria-hidden="true" focusable="false" height="6">
      <rect class="bar-back" width="100%" height="6" />
      <rect class="fill-down" width={`${first}%`} height="6" />
      {up > 0 && (
        <rect class="fill-up" x={`${first}%`} width={`${Math.min(100 - first, share(up))}%`} height="6" />
      )}
    </svg>
  )
}
