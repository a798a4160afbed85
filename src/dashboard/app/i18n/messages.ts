import { computed, effect, signal } from '@preact/signals'
import { keep, kept } from '../kept.ts'
import { en } from './en.ts'
import { ja } from './ja.ts'

/** Every text of the pages. English is the pattern: a language that lacks one, or has another one, does not compile. */
export type Messages = typeof en

export const LANGUAGES = { en: 'English', ja: '日本語' } as const
export type Language = keyof typeof LANGUAGES

const MESSAGES: Readonly<Record<Language, Messages>> = { en, ja }

function firstLanguage(): Language {
  const chosen = kept('language')
  const wished = chosen === null ? navigator.languages : [chosen]
  for (const tag of wished) {
    if (/^ja\b/i.test(tag)) return 'ja'
    if (/^en\b/i.test(tag)) return 'en'
  }
  return 'en'
}

export const language = signal<Language>(firstLanguage())

/** The texts in the reader's language. */
export const t = computed(() => MESSAGES[language.value])

effect(() => {
  document.documentElement.lang = language.value
})

export function chooseLanguage(chosen: Language): void {
  language.value = chosen
  keep('language', chosen)
}
