import { commandRoutes } from './command-routes.ts'
import { auditRoutes } from './audit-routes.ts'
import { caRoutes } from './ca-routes.ts'
import { certificateRoutes } from './certificate-routes.ts'
import { configurationRoutes } from './configuration-routes.ts'
import { credentialRoutes } from './credential-routes.ts'
import { deviceRoutes } from './device-routes.ts'
import { endpointRoutes } from './endpoint-routes.ts'
import { fleetRoutes } from './fleet-routes.ts'
import { groupRoutes } from './group-routes.ts'
import { hubRoutes, runtimeRoutes } from './hub-routes.ts'
import { letterRoutes } from './letter-routes.ts'
import { importRoutes } from './import-routes.ts'
import { issuerRoutes } from './issuer-routes.ts'
import { attachmentRoutes } from './attachment-routes.ts'
import { modelRoutes } from './model-routes.ts'
import { policyRoutes } from './policy-routes.ts'
import { provisioningRoutes } from './provisioning-routes.ts'
import { referenceRoutes } from './reference-routes.ts'
import { registryRoutes } from './registry-routes.ts'
import type { Route } from './route.ts'
import { schemaRoutes } from './schema-routes.ts'
import { ruleRoutes } from './rule-routes.ts'
import { telemetryRoutes } from './telemetry-routes.ts'
import { twinRoutes } from './twin-routes.ts'

/** The admin API: what is served, checked and documented. Of two paths that fit, the first counts. */
export const routes: readonly Route[] = [
  ...runtimeRoutes,
  ...ruleRoutes,
  ...hubRoutes,
  ...letterRoutes,
  ...endpointRoutes,
  ...importRoutes,
  ...deviceRoutes,
  ...twinRoutes,
  ...commandRoutes,
  ...credentialRoutes,
  ...telemetryRoutes,
  ...issuerRoutes,
  ...caRoutes,
  ...certificateRoutes,
  ...attachmentRoutes,
  ...policyRoutes,
  ...groupRoutes,
  ...fleetRoutes,
  ...configurationRoutes,
  ...modelRoutes,
  ...schemaRoutes,
  ...registryRoutes,
  ...referenceRoutes,
  ...provisioningRoutes,
  ...auditRoutes,
]
