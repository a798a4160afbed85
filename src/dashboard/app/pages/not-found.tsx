import { t } from '../i18n/messages.ts'
import { Page } from '../parts/page.tsx'

export function NotFoundPage() {
  return (
    <Page title={t.value.pages.notFound} note={t.value.notFound.text}>
      <p>
        <a class="button" href="/">
          {t.value.notFound.home}
        </a>
      </p>
    </Page>
  )
}
