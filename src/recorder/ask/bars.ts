const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const
const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** A bar for a share from 0 to 1, so many columns of a terminal at most; whatever is there is to be seen. */
export function bar(share: number, columns: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * columns * 8)
  if (eighths === 0) return share > 0 ? '▏' : ''
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]
}

/** A character for each value, as high as it is beside the highest; none is a dot. */
export function sparkline(values: readonly number[]): string {
  const most = Math.max(...values, 0)
  return values
    .map((value) => (value <= 0 ? '·' : (LEVELS[Math.min(7, Math.floor((value / most) * 8))] ?? '█')))
    .join('')
}
