import { defineModule } from 'sekisho'
import { z } from 'zod'

export const hello = defineModule({
  name: 'hello',
  summary: 'A page that greets the first network',
  config: z.strictObject({
    port: z.int().min(1).max(65535).default(8080),
    greeting: z.string().max(200).default('hello'),
  }),
  build({ config, router }) {
    return {
      // Appears as /etc/sekisho/current/modules/hello/greeting.txt on the router.
      files: [{ path: 'greeting.txt', text: `${config.greeting}\n` }],
      services: [
        {
          name: 'hello',
          image: 'build', // from the Dockerfile beside this file
          publish: [{ protocol: 'tcp', port: config.port, target: 8080 }],
          listens: [],
          mounts: [{ kind: 'file', file: 'greeting.txt', target: '/greeting.txt' }],
          health: { test: ['node', '/server.js', 'check'] },
        },
      ],
      // Without an opening nobody reaches it, published or not.
      openings: router.networks.slice(0, 1).map((network) => ({
        from: network.name,
        protocol: 'tcp',
        port: config.port,
        published: true,
        why: 'the greeting',
      })),
      logs: [],
      data: [],
    }
  },
})
