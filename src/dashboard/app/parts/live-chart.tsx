import { effect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type uPlot from 'uplot'
import { rate } from '../format.ts'
import { t } from '../i18n/messages.ts'
import { rates } from '../live.ts'
import { colour, themeChanges } from '../theme.ts'

/** What it shows of the past. */
const SECONDS = 120

/** The throughput as it is, a second each: down above the line, up below it. */
export function LiveChart() {
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const target = box.current
    if (target === null) return
    let end: (() => void) | undefined = () => undefined
    // Most of the script's size, and needed here alone.
    void import('uplot').then(({ default: Plot }) => {
      if (end !== undefined) end = drawn(Plot, target)
    })
    return () => {
      end?.()
      end = undefined
    }
  }, [])
  return <div ref={box} class="live-chart" role="img" aria-label={t.value.now.liveLabel} />
}

/** Draws into an element from now on, in its size; returns what ends it. */
function drawn(Plot: typeof uPlot, target: HTMLElement): () => void {
  let plot: uPlot | undefined
  const size = (): { width: number; height: number } => ({
    width: target.clientWidth,
    height: target.clientHeight,
  })
  const redone = effect(() => {
    // A canvas has its colours and its words from when it was made.
    void themeChanges.value
    void t.value
    plot?.destroy()
    plot = new Plot({ ...options(Plot), ...size() }, data(rates.peek()), target)
  })
  const moved = effect(() => {
    plot?.setData(data(rates.value))
  })
  const resized = new ResizeObserver(() => plot?.setSize(size()))
  resized.observe(target)
  return () => {
    resized.disconnect()
    moved()
    redone()
    plot?.destroy()
  }
}

function data(events: typeof rates.value): uPlot.AlignedData {
  const last = events.at(-1)?.timeMs ?? Date.now()
  const shown = events.filter(({ timeMs }) => timeMs > last - (SECONDS + 2) * 1000)
  return [shown.map(({ timeMs }) => timeMs / 1000), shown.map(({ down }) => down), shown.map(({ up }) => -up)]
}

function options(Plot: typeof uPlot): Omit<uPlot.Options, 'width' | 'height'> {
  const [line, ink] = [colour('line'), colour('ink-2')]
  const axis = {
    stroke: ink,
    font: '11px system-ui, sans-serif',
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
  } satisfies uPlot.Axis
  const spline = Plot.paths.spline?.()
  const path = spline === undefined ? {} : { paths: spline }
  const series = (name: string, label: string): uPlot.Series => ({
    ...path,
    label,
    stroke: colour(name),
    fill: colour(`${name}-soft`),
    width: 1.75,
    points: { show: false },
  })
  return {
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 4, 0, 0],
    scales: {
      x: {
        time: false,
        range: (_, __, max) => [(max ?? Date.now() / 1000) - SECONDS, max ?? Date.now() / 1000],
      },
      // Never so near that what is nearly nothing looks like much.
      y: {
        range: (_, min, max) => [Math.min((min ?? 0) * 1.15, -4000), Math.max((max ?? 0) * 1.15, 16_000)],
      },
    },
    axes: [
      {
        ...axis,
        size: 22,
        incrs: [10, 30, 60],
        values: (plot, at) => {
          const end = plot.scales.x?.max ?? 0
          return at.map((second) => {
            const before = Math.round(end - second)
            return before < 5 ? '' : `−${before} s`
          })
        },
        splits: (_, __, min, max) => [-90, -60, -30].map((before) => max + before).filter((at) => at > min),
      },
      { ...axis, size: 72, space: 38, values: (_, at) => at.map((value) => rate(Math.abs(value))) },
    ],
    series: [{}, series('down', t.value.traffic.down), series('up', t.value.traffic.up)],
  }
}
