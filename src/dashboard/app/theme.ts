import { effect, signal } from '@preact/signals'
import { keep, kept } from './kept.ts'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

/** What the reader chose; `system` follows the machine. */
export const theme = signal<Theme>(THEMES.find((one) => one === kept('theme')) ?? 'system')

/** Counts changes of the colours, for what is drawn on a canvas. */
export const themeChanges = signal(0)

export function showTheme(): void {
  effect(() => {
    document.documentElement.dataset.theme = theme.value
    keep('theme', theme.value === 'system' ? undefined : theme.value)
    themeChanges.value = themeChanges.peek() + 1
  })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    themeChanges.value += 1
  })
}

/** A colour of the style sheet, by its variable's name. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}
