/** TypeScript of an OpenAPI 3.1 document, as far as this server's document goes: whatever else is in it is refused. */

interface Schema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly (string | null)[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema | readonly Schema[]
  readonly additionalProperties?: boolean | Schema
  readonly anyOf?: readonly Schema[]
  readonly description?: string
}

interface Parameter {
  readonly in: string
  readonly name: string
  readonly required?: boolean
  readonly schema: Schema
  readonly description?: string
}

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>

export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

/** Shapes that get a name, and where each stands: `!` is the answer of an operation, `?` its body. */
const NAMES: readonly (readonly [name: string, operation: string, ...members: string[]])[] = [
  ['VerdictCode', 'verify!', 'code'],
  ['Workspace', 'showWorkspace!'],
  ['Route', 'showApi!', 'routes', '[]'],
  ['Limit', 'showApi!', 'limits', '[]'],
  ['Api', 'showApi!'],
  ['GrantInput', 'createPrincipal?', 'ceiling', '[]'],
  ['Grant', 'showPrincipal!', 'ceiling', '[]'],
  ['Principal', 'showPrincipal!'],
  ['Role', 'showRole!'],
  ['Conditions', 'showCredential!', 'conditions'],
  ['SecretVersion', 'showCredential!', 'versions', '[]'],
  ['Credential', 'showCredential!'],
  ['IssuedCredential', 'issueCredential!'],
  ['RevokedCredential', 'revokeCredential!'],
  ['Verdict', 'verify!'],
  ['Decision', 'showDecision!'],
  ['AuditEntry', 'listAudit!', 'items', '[]'],
  ['Status', 'showStatus!'],
]

/** What a schema says besides the type; shapes that differ in nothing else are the same. */
const BESIDES = new Set([
  'description',
  'examples',
  'format',
  'pattern',
  'propertyNames',
  'additionalItems',
  ...['Length', 'imum', 'Items', 'Properties'].flatMap((what) => [`min${what}`, `max${what}`]),
])

const KNOWN = new Set(['type', 'enum', 'properties', 'required', 'items', 'additionalProperties', 'anyOf'])

const JSON_TYPE = 'application/json'

/** The whole module. @throws Error on what it does not know, or where a name's place is gone */
export function openApiTypes(document: OpenApiDocument): string {
  const operations = operationsOf(document)
  const names = new Map<string, string>()
  const declarations: string[] = []
  const declare = (name: string, schema: Schema) => {
    declarations.push(`export type ${name} = ${typeOf(withoutNull(schema), names)}\n\n`)
    names.set(keyOf(schema), name)
  }
  const { Problem } = document.components.schemas
  declare('ProblemCode', Problem!.properties!.code!)
  declare('Problem', Problem!)
  for (const [name, place, ...members] of NAMES) declare(name, schemaAt(operations, place, members))
  return [
    '// Generated from the OpenAPI document by `node scripts/generate-client-types.ts`. Do not edit.\n\n',
    ...declarations,
    '/** What each operation takes and answers; null: nothing. */\nexport interface Operations {\n',
    ...operations.map(({ operation }) => `${comment(operation.summary)}${operationType(operation, names)}`),
    '}\n\nexport type OperationId = keyof Operations\n',
    '\n/** How each operation is asked for. `repeatable`: it takes an Idempotency-Key. */\n',
    'export const OPERATIONS = {\n',
    ...operations.map(routeOf),
    '} as const satisfies Record<OperationId, { method: string; path: string; repeatable: boolean }>\n',
  ].join('')
}

interface Placed {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

function operationsOf({ paths }: OpenApiDocument): Placed[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  )
}

function schemaAt(operations: readonly Placed[], place: string, members: readonly string[]): Schema {
  const found = operations.find(({ operation }) => operation.operationId === place.slice(0, -1))?.operation
  let schema = found === undefined ? null : place.endsWith('!') ? answerOf(found) : bodyOf(found)
  for (const member of members) {
    schema = (member === '[]' ? (schema?.items as Schema) : schema?.properties?.[member]) ?? null
  }
  if (schema === null) throw new Error(`${place} ${members.join('.')}: there is no such shape`)
  return schema
}

function answerOf({ operationId, responses }: Operation): Schema | null {
  const success = Object.entries(responses).filter(([status]) => /^2/.test(status))
  if (success.length !== 1) throw new Error(`${operationId}: ${success.length} answers of success`)
  return success[0]![1].content?.[JSON_TYPE]?.schema ?? null
}

function bodyOf({ requestBody }: Operation): Schema | null {
  return requestBody?.content[JSON_TYPE]?.schema ?? null
}

function operationType(operation: Operation, names: ReadonlyMap<string, string>): string {
  const { operationId, parameters = [] } = operation
  const answer = answerOf(operation)
  const body = bodyOf(operation)
  const inPlace = (place: string) => {
    const found = parameters.filter((parameter) => parameter.in === place)
    if (found.length === 0) return 'null'
    return `{\n${found.map((parameter) => parameterType(parameter, names)).join('')}}`
  }
  return `readonly ${operationId}: {
    readonly params: ${inPlace('path')}
    readonly query: ${inPlace('query')}
    readonly body: ${body === null ? 'null' : typeOf(body, names)}
    readonly answer: ${answer === null ? 'null' : typeOf(answer, names)}
  }\n`
}

/** Everything is text in a URL; a number that is meant as one is given as one. */
function parameterType(parameter: Parameter, names: ReadonlyMap<string, string>): string {
  const { name, required = false, schema } = parameter
  const type = name === 'limit' || name === 'version' ? 'number' : typeOf(schema, names)
  return `${comment(parameter.description)}readonly ${name}${required ? '' : '?'}: ${type}\n`
}

function routeOf({ method, path, operation: { operationId, parameters = [] } }: Placed): string {
  const repeatable = parameters.some(({ name }) => name === 'idempotency-key')
  return `${operationId}: { method: '${method.toUpperCase()}', path: '${path}', repeatable: ${repeatable} },\n`
}

function typeOf(schema: Schema, names: ReadonlyMap<string, string>): string {
  const named = names.get(keyOf(schema))
  const type = named ?? shapeOf(withoutNull(schema), names)
  return isNullable(schema) ? `${type} | null` : type
}

function shapeOf(schema: Schema, names: ReadonlyMap<string, string>): string {
  if (schema.anyOf !== undefined) {
    return [...new Set(schema.anyOf.map((one) => typeOf(one, names)))].join(' | ')
  }
  if (schema.enum !== undefined) return schema.enum.map((value) => `'${value}'`).join(' | ')
  const unknown = Object.keys(schema).filter((name) => !KNOWN.has(name) && !BESIDES.has(name))
  if (unknown.length > 0) throw new Error(`no TypeScript is known for ${unknown.join()}`)
  const types = [schema.type ?? []].flat()
  return types.length === 0 ? 'unknown' : types.map((type) => simpleType(type, schema, names)).join(' | ')
}

function simpleType(type: string, schema: Schema, names: ReadonlyMap<string, string>): string {
  switch (type) {
    case 'string':
    case 'boolean':
    case 'null':
      return type
    case 'integer':
    case 'number':
      return 'number'
    case 'array':
      return arrayType(schema.items, names)
    case 'object':
      return objectType(schema, names)
    default:
      throw new Error(`no TypeScript is known for ${JSON.stringify(schema)}`)
  }
}

function arrayType(items: Schema['items'], names: ReadonlyMap<string, string>): string {
  if (items === undefined) throw new Error('an array of nothing')
  if (!('length' in items)) return `readonly (${typeOf(items, names)})[]`
  return `readonly [${items.map((item) => typeOf(item, names)).join(', ')}]`
}

function objectType(schema: Schema, names: ReadonlyMap<string, string>): string {
  const { properties, required = [], additionalProperties } = schema
  if (properties === undefined) {
    const value = typeof additionalProperties === 'object' ? typeOf(additionalProperties, names) : 'unknown'
    return `Readonly<Record<string, ${value}>>`
  }
  if (Object.keys(properties).length === 0) return 'Readonly<Record<string, never>>'
  const members = Object.entries(properties).map(([name, member]) => {
    const optional = required.includes(name) ? '' : '?'
    return `${comment(member.description)}readonly ${name}${optional}: ${typeOf(member, names)}\n`
  })
  return `{\n${members.join('')}}`
}

function comment(description: string | undefined): string {
  return description === undefined ? '' : `/** ${description.replaceAll('\n', ' ')} */\n`
}

function isNullable({ type, enum: values }: Schema): boolean {
  return (Array.isArray(type) && type.includes('null')) || values?.includes(null) === true
}

function withoutNull(schema: Schema): Schema {
  if (!isNullable(schema)) return schema
  const types = [schema.type ?? []].flat().filter((type) => type !== 'null')
  const values = schema.enum?.filter((value) => value !== null)
  return { ...schema, type: types.length === 1 ? types[0]! : types, ...(values && { enum: values }) }
}

function keyOf(schema: Schema): string {
  return JSON.stringify(bare(withoutNull(schema)))
}

function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare)
  if (typeof value !== 'object' || value === null) return value
  const { properties, ...others } = value as Readonly<Record<string, unknown>>
  const entries = Object.entries(others)
    .filter(([name]) => !BESIDES.has(name))
    .map(([name, member]) => [name, bare(member)] as const)
  if (typeof properties === 'object' && properties !== null) {
    // Names of members, which may be anything, `description` too.
    const members = Object.entries(properties).map(([name, member]) => [name, bare(member)])
    entries.push(['properties', members])
  }
  return Object.fromEntries(entries)
}
