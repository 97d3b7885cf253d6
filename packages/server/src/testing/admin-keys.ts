import type { TestServer } from './test-server.ts'

interface Issued {
  readonly secret: string
  readonly admin_key: { readonly secret: string }
}

/** Authorization of a fresh credential with just these scopes on the API `credence`. */
export async function keyWith(server: TestServer, ...scopes: string[]): Promise<{ authorization: string }> {
  const body = {
    kind: 'api_key',
    api: 'credence',
    scopes,
    principal: `holder-${scopes.join('-').replaceAll('*', 'all')}`,
  }
  const issued = await server.request<Issued>('POST', '/v1/credentials', body)
  if (issued.status !== 201) throw new Error(issued.text)
  return { authorization: `Bearer ${issued.body.secret}` }
}

/** A second workspace; authorization of its admin key. */
export async function otherWorkspace(server: TestServer, name = 'other'): Promise<{ authorization: string }> {
  const made = await server.request<Issued>('POST', '/v1/workspaces', { name, prefix: 'crd_test' })
  if (made.status !== 201) throw new Error(made.text)
  return { authorization: `Bearer ${made.body.admin_key.secret}` }
}
