import { expect, it } from 'vitest'
import { parseCredentials, readCredentials } from './credentials.ts'

const KEYS = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'a/b+c=' }

it.each([
  ['[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = a/b+c=\n'],
  [
    '# ours\r\n[other]\r\naws_access_key_id=x\r\n\r\n[ default ]\r\naws_access_key_id=AKIDEXAMPLE\r\naws_secret_access_key=a/b+c=\r\n',
  ],
  ['[home]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = a/b+c='],
  ['export AWS_ACCESS_KEY_ID="AKIDEXAMPLE"\nAWS_SECRET_ACCESS_KEY=\'a/b+c=\'\n'],
])('reads %j', (text) => {
  expect(parseCredentials(text)).toEqual(KEYS)
})

it('takes the session token along, and the environment where there is no file', async () => {
  expect(await readCredentials(undefined, { ...KEYS, AWS_SESSION_TOKEN: 't' })).toEqual({
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: 'a/b+c=',
    sessionToken: 't',
  })
})

it.each(['', 'aws_secret_access_key', '[default]\naws_access_key_id = x\n', '\0'.repeat(100)])(
  'finds no key in %j',
  (text) => {
    expect(parseCredentials(text).AWS_SECRET_ACCESS_KEY).toBeUndefined()
  },
)

it('throws without a word of the secret', async () => {
  const error = await readCredentials(undefined, { AWS_SECRET_ACCESS_KEY: 'oh-no' }).catch(String)
  expect(error).toBe('Error: the environment has no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY')
})
