import { closedAfter } from '../../testing/closed-after.ts'
import type { RedisServer } from '../../testing/redis-fixture.ts'
import { ValkeyConnection, type ValkeyConnectionOptions } from '../valkey-connection.ts'

export interface OpenedConnection {
  readonly connection: ValkeyConnection
  /** What it told: `ready`, or why it was down. */
  readonly told: string[]
  readonly close: () => Promise<void>
}

/** A connection to a test's server, closed at the end of the test that is running. */
export async function openConnection(
  server: Pick<RedisServer, 'port'>,
  address: Partial<ValkeyConnectionOptions['address']> = {},
): Promise<OpenedConnection> {
  const told: string[] = []
  const connection = await ValkeyConnection.create({
    address: {
      host: '127.0.0.1',
      port: server.port,
      username: null,
      password: null,
      database: 0,
      tls: false,
      ...address,
    },
    random: Math.random,
    onReady: () => told.push('ready'),
    onDown: (reason) => told.push(reason),
  })
  await connection.connect()
  return { connection, told, close: closedAfter(() => connection.close()) }
}
