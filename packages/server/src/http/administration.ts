import type { Context } from '../context.ts'
import { VERSION } from '../version.ts'
import type { App } from './app.ts'
import { registerDocs } from './docs.ts'
import { describeRoutes } from './openapi.ts'
import { registerApis } from './routes/apis.ts'
import { registerAudit } from './routes/audit.ts'
import { registerCredentials } from './routes/credentials.ts'
import { registerDecisions } from './routes/decisions.ts'
import { registerIssuers } from './routes/issuers.ts'
import { registerPrincipals } from './routes/principals.ts'
import { registerRoles } from './routes/roles.ts'
import { registerSelf } from './routes/self.ts'
import { registerSigningKeys } from './routes/signing-keys.ts'
import { registerStatus } from './routes/status.ts'
import { registerTokens } from './routes/tokens.ts'
import { registerVerify } from './routes/verify.ts'
import { registerWorkspaces } from './routes/workspaces.ts'

/** In the order of the reference. */
const AREAS = [
  registerWorkspaces,
  registerApis,
  registerPrincipals,
  registerRoles,
  registerCredentials,
  registerIssuers,
  registerSigningKeys,
  registerTokens,
  registerSelf,
  registerVerify,
  registerDecisions,
  registerAudit,
  registerStatus,
]

/** Administration with its reference: `/v1`, `/openapi.json`, `/docs`, `/problems`. */
export function registerAdministration(app: App, context: Context): void {
  // Bodies are made by the routes themselves and go out as they are: compiled serializers would cost memory and
  // start-up time, and would drop what a schema forgot without a word.
  app.setSerializerCompiler(() => JSON.stringify)
  describeRoutes(app, VERSION, context)
  app.register(async (scope) => {
    for (const register of AREAS) register(scope as App, context)
    registerDocs(scope as App)
  })
}
