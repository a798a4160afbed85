interface SparkProps {
  readonly values: readonly number[]
  readonly label: string
  readonly class?: string
}

const WIDTH = 100
const HEIGHT = 28

/** A small line of values, filled below; `label` says what it shows. */
export function Spark({ values, label, class: more = 'down' }: SparkProps) {
  const most = Math.max(1, ...values)
  const step = WIDTH / Math.max(1, values.length - 1)
  const points = values.map(
    (value, i) => `${(i * step).toFixed(2)},${(HEIGHT - 1 - (value / most) * (HEIGHT - 3)).toFixed(2)}`,
  )
  const line = points.length === 0 ? '' : `M${points.join('L')}`
  return (
    <svg
      class={`spark ${more}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {line !== '' && <path class="spark-area" d={`${line}L${WIDTH},${HEIGHT}L0,${HEIGHT}Z`} />}
      <path class="spark-line" d={line} />
    </svg>
  )
}
