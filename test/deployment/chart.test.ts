import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { at, ROOT, readFile, yamlDocuments } from './deployment-file.ts'

const CHART = 'deploy/helm/credence'
const [VALUES] = yamlDocuments(readFile(`${CHART}/values.yaml`)) as [Record<string, unknown>]
const SCHEMA = JSON.parse(readFile(`${CHART}/values.schema.json`)) as object

function isAllowed(given: Record<string, unknown>): boolean {
  return new Ajv({ allErrors: true, strict: false }).validate(SCHEMA, { ...VALUES, ...given })
}

const keyring = { secretName: 'credence-keyring', key: 'keyring.json' }
const database = { secretName: 'credence-database', key: 'url' }
const tls = { secretName: 'credence-tls' }

test('values are refused that would start replicas without a shared store, without a keyring, or in plain HTTP unsaid', () => {
  assert.equal(isAllowed({ keyring, tls }), true)
  assert.equal(isAllowed({ keyring, dangerouslyListenWithoutTls: true }), true)
  assert.equal(isAllowed({ keyring, tls, database, replicaCount: 3 }), true)
  assert.equal(isAllowed({ keyring, tls, settings: { CREDENCE_WORKERS: 2 } }), true)
  for (const given of [
    {},
    { keyring },
    { tls },
    { keyring, tls, replicaCount: 3 },
    { keyring, tls, dangerouslyListenWithoutTls: true },
    { keyring, tls, database, replicaCount: 0 },
    { keyring, tls, settings: { CREDENCE_DATABASE_URL: 'postgres://x' } },
    { keyring, tls, settings: { CREDENCE_LISTEN: '0.0.0.0:1' } },
    { keyring, tls, settings: { credence_workers: 2 } },
    { keyring, tls, replicas: 3 },
    { keyring: { ...keyring, secretName: 'Not A Name' }, tls },
  ]) {
    assert.equal(isAllowed(given), false, JSON.stringify(given))
  }
})

/**
 * What a template is without its actions: each branch as if it were taken, each value as a word. Helm is not here; what
 * its language makes of the chart was looked at by hand (deploy/README.md).
 */
function skeletonOf(template: string): string {
  return (
    template
      .replace(/\{\{-? if [^}]*\}\}([^{\n]*)\{\{-? else [^}]*\}\}[^{\n]*\{\{-? end [^}]*\}\}/g, '$1')
      .replace(/^\s*\{\{-?[^}]*\}\}\n/gm, '')
      .replace(/\{\{-?[^}]*\}\}/g, 'value')
      // A volume is one or the other.
      .replace(/^ +emptyDir: \{\}\n/gm, '')
  )
}

test('each template is YAML around its actions, and every action is closed', () => {
  const paths = globSync(`${CHART}/templates/*.yaml`, { cwd: ROOT })
  assert.ok(paths.length >= 7)
  for (const path of paths) {
    const template = readFile(path)
    const opened = template.match(/\{\{-? (?:if|with|range|define) /g)?.length ?? 0
    const closed = template.match(/\{\{-? end /g)?.length ?? 0
    assert.equal(opened, closed, path)
    const [parsed] = yamlDocuments(skeletonOf(template))
    assert.ok(typeof at(parsed, 'kind') === 'string' && typeof at(parsed, 'apiVersion') === 'string', path)
    assert.equal(at(parsed, 'metadata', 'name'), 'value', path)
  }
})

test('every value that a template takes is one that the chart has', () => {
  const templates = globSync(`${CHART}/templates/*`, { cwd: ROOT })
  const unknown = (text: string) =>
    [...text.matchAll(/\.Values\.([A-Za-z.]+)/g)]
      .map((match) => match[1]!)
      .filter((path) => at(VALUES, ...path.split('.')) === undefined)
  for (const path of templates) assert.deepEqual(unknown(readFile(path)), [], path)
  assert.deepEqual(unknown('{{ .Values.replicaCounts }}{{ .Values.image.tag }}'), ['replicaCounts'])
})

test('the pod is not root, cannot become it, writes to its volumes alone, and is probed', () => {
  const text = readFile(`${CHART}/templates/deployment.yaml`)
  const [deployment] = yamlDocuments(skeletonOf(text))
  const pod = at(deployment, 'spec', 'template', 'spec')
  const container = at(pod, 'containers', 0)
  assert.deepEqual(at(pod, 'securityContext', 'runAsNonRoot'), true)
  assert.deepEqual(at(pod, 'securityContext', 'seccompProfile', 'type'), 'RuntimeDefault')
  assert.deepEqual(at(pod, 'automountServiceAccountToken'), false)
  assert.deepEqual(at(container, 'securityContext'), {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  })
  assert.equal(at(container, 'livenessProbe', 'httpGet', 'path'), '/healthz')
  assert.equal(at(container, 'readinessProbe', 'httpGet', 'path'), '/readyz')
})
