import { useEffect, useRef, useState } from 'preact/hooks'
import { type Problem, signIn } from '../client.ts'
import { t } from '../i18n/messages.ts'
import { navigate, place } from '../location.ts'
import { Gate, Icon } from '../parts/icons.tsx'
import { Preferences } from '../parts/preferences.tsx'
import { Told } from '../parts/text.tsx'
import { readSession, session } from '../session.ts'

/** In by the password, or by a link of one use: "/sign-in#TOKEN". Then on to where one wanted to go. */
export function SignInPage() {
  const texts = t.value.signIn
  const hostname = session.value?.hostname ?? ''
  const passwordSet = session.value?.passwordSet ?? true
  const [password, setPassword] = useState('')
  const [seen, setSeen] = useState(false)
  const link = linkIn(place.value)
  // By the link from the very first picture on: a password is not asked for and taken away again.
  const [state, setState] = useState<'asking' | 'going' | 'byLink'>(link === '' ? 'asking' : 'byLink')
  const [problem, setProblem] = useState<
    { readonly of: 'link' | 'password'; readonly why: Problem } | undefined
  >()
  const input = useRef<HTMLInputElement>(null)

  async function tryWith(proof: Parameters<typeof signIn>[0], of: 'link' | 'password'): Promise<void> {
    setProblem(undefined)
    const answer = await signIn(proof)
    if (answer.ok) {
      await readSession()
      if (place.peek().path === '/sign-in') navigate('/', 'replace')
      return
    }
    setState('asking')
    setProblem({ of, why: answer.problem })
  }

  useEffect(() => {
    document.title = `${texts.go} · ${hostname}`
    // Signed in already, and with no link, there is nothing to do here.
    if (link === '' && place.peek().path === '/sign-in' && session.peek()?.signedIn) navigate('/', 'replace')
  }, [])
  // Another link may come to a window that is open here: for a browser that loads nothing.
  useEffect(() => {
    if (link === '') return
    // Out of the address first: no history, and no look over a shoulder, shall have it.
    navigate('/sign-in', 'replace')
    setState('byLink')
    void tryWith({ link }, 'link')
  }, [link])
  useEffect(() => {
    if (state !== 'asking') return
    input.current?.focus()
    input.current?.select()
  }, [state])

  const field = {
    ref: input,
    id: 'password',
    value: password,
    required: true,
    autocomplete: 'current-password',
    onInput: (event: InputEvent) => {
      if (event.currentTarget instanceof HTMLInputElement) setPassword(event.currentTarget.value)
    },
  } as const
  return (
    <main class="alone">
      <div class="sign-in card">
        <div class="brand">
          <Gate />
          <h1>
            <Told text={texts.title(hostname)} />
          </h1>
        </div>
        {state === 'byLink' && <p role="status">{texts.byLink}</p>}
        {problem !== undefined && <WhyNot {...problem} />}
        {state !== 'byLink' && !passwordSet && <p class="note">{texts.noPassword}</p>}
        {state !== 'byLink' && passwordSet && (
          <form
            onSubmit={(event) => {
              event.preventDefault()
              setState('going')
              void tryWith({ password }, 'password')
            }}
          >
            <label for="password">{texts.password}</label>
            <div class="password">
              {seen ? <input type="text" {...field} /> : <input type="password" {...field} />}
              <button type="button" class="quiet" aria-pressed={seen} onClick={() => setSeen(!seen)}>
                {seen ? texts.hide : texts.show}
              </button>
            </div>
            <button type="submit" class="main" disabled={state === 'going'}>
              {state === 'going' ? texts.going : texts.go}
            </button>
            <p class="note">{texts.forgot}</p>
          </form>
        )}
        <Preferences />
      </div>
    </main>
  )
}

/** The token of a link of one use, "/sign-in#TOKEN"; empty without one. */
function linkIn({ path, hash }: typeof place.value): string {
  return path === '/sign-in' ? hash.slice(1) : ''
}

function WhyNot({ of, why }: { readonly of: 'link' | 'password'; readonly why: Problem }) {
  const texts = t.value
  const error = why.status === 0 ? texts.problem.unreachable : why.error
  const fix =
    why.fix ??
    (why.status === 0 ? texts.problem.unreachableFix : of === 'link' ? texts.signIn.linkFix : undefined)
  return (
    <div class="problem" role="alert">
      <Icon name="warn" />
      <div>
        <p>
          <strong>{of === 'link' ? texts.signIn.linkFailed : texts.signIn.failed}</strong>{' '}
          <Told text={error} />
        </p>
        {fix !== undefined && (
          <p>
            {texts.problem.fix} <Told text={fix} />
          </p>
        )}
      </div>
    </div>
  )
}
