import { createHash } from 'node:crypto'
import { limitAuthorityContract } from '@credence/core/testing/limit-authority-contract'
import { startRedis } from '../testing/redis-fixture.ts'
import { openConnection } from './testing/connection.ts'
import { ValkeyAuthority } from './valkey-authority.ts'

/** What the clock shows is what the test wrote last. */
const TEST_TIME = "local now = tonumber(redis.call('GET', 'test:now'))"
const SET_TEXT = "return redis.call('SET', 'test:now', ARGV[1])"
const SET_TIME = { text: SET_TEXT, sha1: createHash('sha1').update(SET_TEXT).digest('hex') }

const redis = await startRedis()
const { connection } = await openConnection(redis)
let installations = 0

limitAuthorityContract('valkey', async () => ({
  authority: new ValkeyAuthority({
    connection,
    installationId: `ws_${installations++}`,
    time: TEST_TIME,
  }),
  setClock: async (ms) => {
    await connection.run(SET_TIME, [], [ms])
  },
  close: async () => {},
}))
