import { render } from 'preact'
import { App } from './app.tsx'
import { followLinks } from './location.ts'
import { readSession } from './session.ts'
import { showTheme } from './theme.ts'

showTheme()
followLinks()
const root = document.getElementById('app')
if (root === null) throw new Error('index.html has no #app')
render(<App />, root)
await readSession()
