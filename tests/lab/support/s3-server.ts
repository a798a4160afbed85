import { startFauxqs } from 'fauxqs'

/*
 * An S3 server with one bucket on 127.0.0.1: PORT BUCKET. It ends with its standard input.
 */

const [port = '', bucket = ''] = process.argv.slice(2)
const server = await startFauxqs({ port: Number(port), host: '127.0.0.1', logger: false })
server.createBucket(bucket)
process.stdin.resume().on('end', () => void server.stop().then(() => process.exit(0)))
process.stdout.write('ready\n')
