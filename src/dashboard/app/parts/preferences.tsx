import { chooseLanguage, LANGUAGES, type Language, language, t } from '../i18n/messages.ts'
import { THEMES, theme } from '../theme.ts'

/** The language and the colours. */
export function Preferences() {
  const texts = t.value.shell
  return (
    <div class="preferences">
      <fieldset class="segments">
        <legend class="hidden">{texts.language}</legend>
        {(Object.keys(LANGUAGES) as Language[]).map((one) => (
          <button
            key={one}
            type="button"
            lang={one}
            aria-pressed={language.value === one}
            onClick={() => chooseLanguage(one)}
          >
            {LANGUAGES[one]}
          </button>
        ))}
      </fieldset>
      <fieldset class="segments">
        <legend class="hidden">{texts.theme}</legend>
        {THEMES.map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed={theme.value === one}
            onClick={() => {
              theme.value = one
            }}
          >
            {texts.themes[one]}
          </button>
        ))}
      </fieldset>
    </div>
  )
}
