import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CREDENTIAL_KINDS } from '../records.ts'
import { KINDS } from './kinds.ts'

test('every kind of credential is tried, in the order in which the list of kinds says so', () => {
  assert.deepEqual(
    KINDS.map(({ kind }) => kind),
    CREDENTIAL_KINDS,
  )
})
