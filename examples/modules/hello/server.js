const { readFileSync } = require('node:fs')
const http = require('node:http')

if (process.argv[2] === 'check') {
  fetch('http://127.0.0.1:8080/').then(
    (reply) => process.exit(reply.ok ? 0 : 1),
    () => process.exit(1),
  )
} else {
  http.createServer((_, reply) => reply.end(readFileSync('/greeting.txt'))).listen(8080)
}
