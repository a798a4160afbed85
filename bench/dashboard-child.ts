import { openData } from '../src/dashboard/data/index.ts'
import {
  ConnectionsQuery,
  NamesQuery,
  QuestionsQuery,
  SearchQuery,
  SpanQuery,
} from '../src/dashboard/queries.ts'

/*
 * What serves the dashboard's answers, in a process of its own as on the router: `dashboard-child.ts DATA`. Its parent asks
 * over IPC and hears how long the answer is.
 */

export interface Asked {
  readonly page: string
  readonly query: Readonly<Record<string, string | number>>
}

const [data = ''] = process.argv.slice(2)
const dashboard = await openData({
  settings: {
    hostname: 'gate',
    timezone: 'Asia/Tokyo',
    addresses: ['10.0.0.1'],
    dataDirectory: data,
    runDirectory: '/nonexistent',
  },
  askAgent: () => Promise.reject(new Error('there is no host')),
})

function answer({ page, query }: Asked): Promise<unknown> {
  switch (page) {
    case 'now':
      return dashboard.now()
    case 'devices':
      return dashboard.devices(SpanQuery.parse(query))
    case 'device':
      return dashboard.device(String(query.id), SpanQuery.parse(query))
    case 'names':
      return dashboard.names(NamesQuery.parse(query))
    case 'questions':
      return dashboard.questions(QuestionsQuery.parse(query))
    case 'connections':
      return dashboard.connections(ConnectionsQuery.parse(query))
    case 'search':
      return dashboard.search(SearchQuery.parse(query))
    case 'archive':
      return dashboard.archive()
    default:
      throw new Error(`there is no page ${page}`)
  }
}

process.on('message', (asked: Asked) => {
  answer(asked).then(
    (value) => process.send?.({ json: JSON.stringify(value) }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})
process.send?.({ ready: true })
