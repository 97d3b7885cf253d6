import type { CredentialRecord, PrincipalRecord, Records, RoleRecord, TableName } from '@credence/core'
import type { ListFilters } from './port.ts'

/** Whether a record passes one filter; the table has been checked to know it. */
export function matches(
  record: Records[TableName],
  filter: keyof ListFilters,
  value: string | number | true,
): boolean {
  const credential = record as CredentialRecord
  switch (filter) {
    case 'apiId': {
      if ('apiId' in record) return (record as RoleRecord).apiId === value
      return credential.grants.some(({ apiId }) => apiId === value)
    }
    case 'lasting':
      return credential.kind !== 'access_token'
    case 'tag':
      return credential.tags.some((tag) => tag === value)
    case 'externalId':
    case 'type':
      return (record as PrincipalRecord)[filter] === value
    case 'principalId':
    case 'parentId':
    case 'kind':
    case 'state':
    case 'name':
      return credential[filter] === value
    case 'expiresBeforeMs':
      return credential.expiresAtMs !== null && credential.expiresAtMs < Number(value)
    case 'expiresAfterMs':
      return credential.expiresAtMs === null || credential.expiresAtMs > Number(value)
    case 'notBeforeAfterMs':
      return credential.notBeforeMs !== null && credential.notBeforeMs > Number(value)
    case 'notBeforeUntilMs':
      return credential.notBeforeMs === null || credential.notBeforeMs <= Number(value)
  }
}
